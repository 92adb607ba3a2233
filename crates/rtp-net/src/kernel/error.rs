//! Why the kernel path is not to be had.

use std::io;
use std::path::PathBuf;

/// What is missing, in words for the operator.
#[derive(Debug, thiserror::Error)]
pub enum KernelError {
    /// Too old.
    #[error("the kernel is {found}; the kernel path needs Linux 6.6 or newer (tcx links)")]
    Version {
        /// What runs.
        found: String,
    },
    /// Not allowed.
    #[error("the process lacks {missing}; the kernel path needs CAP_BPF and CAP_NET_ADMIN")]
    Capability {
        /// The capability's name.
        missing: &'static str,
    },
    /// No place for pins.
    #[error("no bpf file system at {path} (mount -t bpf bpf {path})")]
    FileSystem {
        /// Where it should be.
        path: PathBuf,
    },
    /// Pins cannot be made or read.
    #[error("{path} in the bpf file system: {error}")]
    Pin {
        /// The pin.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The program was refused.
    #[error("the kernel refuses the relay program: {0}")]
    Load(String),
    /// No interface took it.
    #[error("the relay program could be attached to no interface: {0}")]
    Attach(String),
    /// Routes cannot be asked for.
    #[error("the routing table cannot be asked: {0}")]
    Routes(io::Error),
    /// A map operation failed.
    #[error("the flow table: {0}")]
    Map(String),
    /// As many flows as it was made for.
    #[error("the flow table is full")]
    Full,
    /// The other peer cannot be reached from here.
    #[error("no route to the peer")]
    NoRoute,
}

impl KernelError {
    /// Why a flow was refused, as a metric's label.
    pub(crate) fn label(&self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::NoRoute => "no_route",
            Self::Version { .. }
            | Self::Capability { .. }
            | Self::FileSystem { .. }
            | Self::Pin { .. }
            | Self::Load(_)
            | Self::Attach(_)
            | Self::Routes(_)
            | Self::Map(_) => "fault",
        }
    }
}
