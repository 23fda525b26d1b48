//! The steps of a migration, one file each.

pub mod checklist;
pub mod clean_up;
pub mod connect;
pub mod convert_guardian;
pub mod copy_certificates;
pub mod copy_data;
pub mod copy_modified;
pub mod copy_queues;
pub mod copy_software;
pub mod create_folders;
pub mod delete_software;
pub(crate) mod gwcheck;
pub mod identify_documents;
pub mod install_utility;
pub mod life;
pub mod lowercase;
pub mod lowercase_guardian;
pub mod mount_source;
pub(crate) mod places;
pub mod probe;
pub mod prove_at_rest;
pub mod run_as_user;
pub mod seal;
pub(crate) mod secrets;
pub mod source_poa;
pub mod start_poa;
pub mod start_test_poa;
pub mod stop_test_poa;
pub mod system_files;
pub mod test_mailbox;
pub mod unmount;

pub(crate) mod poa;
pub(crate) mod words;
