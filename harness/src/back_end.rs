//! Where the simulated servers of a rehearsal run.

use std::collections::BTreeMap;
use std::path::Path;

#[cfg(feature = "containers")]
use crate::containers::{Containers, Way};
use crate::embedded::{Embedded, EmbeddedOptions};
use crate::error::HarnessError;
#[cfg(feature = "containers")]
use crate::machine::{Booted, Machine};
use crate::site::{Site, SiteOptions};

/// Where the simulated servers of a rehearsal run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum BackEnd {
    /// Folders of this machine and an ssh server inside this process.
    #[default]
    Embedded,
    /// Containers of a Docker engine, with a network between them and a real share.
    Containers,
    /// The source as a container, the destination as an emulated machine with a kernel of its own, which mounts the share
    /// itself.  Slow: its processors are emulated.
    Vm,
    /// The same, from a server that speaks SMB 1 alone.
    VmSmb1,
    /// The same, by NFS 3.
    VmNfs3,
    /// The same, by NFS 4.2.
    VmNfs4,
}

impl BackEnd {
    /// Whether both servers are apart, with a network between them and a share.
    pub fn has_share(self) -> bool {
        self != Self::Embedded
    }

    /// Whether this program was built with it.
    pub fn is_built(self) -> bool {
        cfg!(feature = "containers") || self == Self::Embedded
    }

    /// What is said of one that this program was built without.
    pub fn not_built(self) -> HarnessError {
        HarnessError::NotBuilt {
            option: self.option(),
        }
    }

    /// The option that chooses it, with a space before it; nothing for the one that is chosen anyhow.
    pub fn option(self) -> &'static str {
        match self {
            Self::Embedded => "",
            Self::Containers => " --backend containers",
            Self::Vm => " --backend vm",
            Self::VmSmb1 => " --backend vm-smb1",
            Self::VmNfs3 => " --backend vm-nfs3",
            Self::VmNfs4 => " --backend vm-nfs4",
        }
    }

    /// Starts its servers in an empty folder.
    ///
    /// # Errors
    /// What making any of them says, and [`HarnessError::NotBuilt`].
    #[cfg_attr(not(feature = "containers"), expect(unused_variables))]
    pub fn start(
        self,
        folder: &Path,
        site: SiteOptions,
        note: &mut dyn FnMut(&str),
    ) -> Result<Box<dyn Site>, HarnessError> {
        Ok(match self {
            Self::Embedded => Box::new(Embedded::start(
                folder,
                &EmbeddedOptions {
                    site,
                    environment: BTreeMap::new(),
                    run_under: Vec::new(),
                },
            )?),
            #[cfg(feature = "containers")]
            Self::Containers => Box::new(Containers::start(folder, &site, note)?),
            #[cfg(feature = "containers")]
            Self::Vm => Box::new(Machine::start(folder, &site, note)?),
            #[cfg(feature = "containers")]
            Self::VmSmb1 => start(Way::Smb1, folder, &site, note)?,
            #[cfg(feature = "containers")]
            Self::VmNfs3 => start(Way::Nfs3, folder, &site, note)?,
            #[cfg(feature = "containers")]
            Self::VmNfs4 => start(Way::Nfs4, folder, &site, note)?,
            #[cfg(not(feature = "containers"))]
            _ => return Err(self.not_built()),
        })
    }
}

#[cfg(feature = "containers")]
fn start(
    way: Way,
    folder: &Path,
    site: &SiteOptions,
    note: &mut dyn FnMut(&str),
) -> Result<Box<dyn Site>, HarnessError> {
    let booted = Booted::start(folder, note)?;
    Ok(Box::new(Machine::on(&booted, way, folder, site, note)?))
}
