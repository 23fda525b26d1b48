//! Makes whole synthetic GroupWise post offices from a seed, and plays the agents around them.
//!
//! | module | what |
//! |---|---|
//! | [`create()`] | a post office from a seed |
//! | [`describe()`] | what a tree holds |
//! | [`model`] | what a post office is made of |
//! | [`mail`] | the message store: who has which messages, and how that changes |
//! | [`churn()`] | what a living post office does between two passes |
//! | [`flaim`] | making databases of any version |
//! | [`imap`] | the IMAP server of the agents |
//! | [`poa`] | the Linux Post Office Agent |
//! | [`gwcheck`] | a stand-in for the vendor's GWCheck |
//! | [`package()`] | the software package that installs that agent |
//! | [`cli`] | all of it as commands |
//!
//! The databases are real ones, of the only generation of FLAIM whose format is documented ([`database`] says exactly
//! what).  The guardian catalogues all others, and the agent finds them through it.

#![cfg_attr(test, allow(clippy::expect_used, clippy::unwrap_used))]

pub mod churn;
pub mod cli;
pub mod create;
pub mod database;
pub mod describe;
mod error;
mod fake_data;
pub mod flaim;
pub mod gwcheck;
pub mod imap;
pub mod mail;
pub mod model;
pub mod package;
pub mod poa;
mod random;
mod tree;

pub use churn::{ChurnKind, ChurnOperation, ChurnOptions, ChurnReport, churn};
pub use cli::{acts_as, parse_size};
pub use create::{CreateOptions, Created, create, planned_truth};
pub use database::{DatabaseChange, database_digest};
pub use describe::{Description, describe};
pub use error::{SimulatorError, describe_error};
pub use mail::{Accounts, accounts, truth};
pub use model::{GuardianKind, MailEvent, NameCase, Truth};
pub use package::{
    Generation, PackageOptions, SystemFormat, SystemPackage, package, system_package,
};
pub use poa::{Acknowledged, RESTING, files_left, read_journal};
