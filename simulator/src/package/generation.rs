//! The generations of GroupWise that a package can be taken for.

use clap::ValueEnum;

/// A generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Generation {
    /// GroupWise 8.
    #[value(name = "8")]
    Eight,
    /// GroupWise 2012.
    #[value(name = "2012")]
    TwentyTwelve,
    /// GroupWise 2014 and later.
    #[default]
    #[value(name = "2014")]
    TwentyFourteen,
}

impl Generation {
    /// The name of the package that brings its agents.
    pub fn package(self) -> &'static str {
        match self {
            Self::Eight | Self::TwentyTwelve => "novell-groupwise-agents",
            Self::TwentyFourteen => "novell-groupwise-server",
        }
    }

    /// The version of that package.
    pub fn version(self) -> &'static str {
        match self {
            Self::Eight => "8.0.3",
            Self::TwentyTwelve => "12.0.4",
            Self::TwentyFourteen => "14.2.3",
        }
    }
}
