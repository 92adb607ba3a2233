//! The program on the interfaces: attached to those that are there and to those that come, taken off those that go.

use super::chain;
use super::error::KernelError;
use super::interfaces::Interface;
use super::pins::{self, Pins};
use aya::Ebpf;
use aya::programs::SchedClassifier;
use aya::programs::links::{FdLink, LinkOrder, PinnedLink};
use aya::programs::tc::{TcAttachOptions, TcAttachType};
use std::collections::{BTreeMap, BTreeSet};

/// The program's name in the object.
const PROGRAM: &str = "relay";

/// The program and where it is attached.
#[derive(Debug)]
pub(crate) struct Links {
    program: Ebpf,
    /// The only interfaces that it is for; empty: all that will have it.
    wanted: Vec<String>,
    /// By index.
    attached: BTreeMap<u32, Attached>,
    /// Interfaces that would not have it, so that it is said once.
    refused: BTreeSet<u32>,
}

#[derive(Debug)]
struct Attached {
    name: String,
    link: PinnedLink,
}

impl Links {
    /// Loads the program's code.
    pub(crate) fn new(mut program: Ebpf, wanted: &[String]) -> Result<Self, KernelError> {
        classifier(&mut program)?
            .load()
            .map_err(|error| KernelError::Load(chain(&error)))?;
        Ok(Self {
            program,
            wanted: wanted.to_vec(),
            attached: BTreeMap::new(),
            refused: BTreeSet::new(),
        })
    }

    /// Attaches it to what is there, pinned.
    ///
    /// # Errors
    /// No interface took it, or one that was asked for by name never can.
    pub(crate) fn begin(&mut self, there: &[Interface], pins: &Pins) -> Result<(), KernelError> {
        for name in &self.wanted {
            match there.iter().find(|interface| interface.name == *name) {
                Some(interface) if !interface.is_ethernet => {
                    let why = format!("{name}: its packets have no Ethernet header");
                    return Err(KernelError::Attach(why));
                }
                Some(_) => {}
                None => {
                    tracing::warn!(interface = %name, "the relay program waits for an interface that is not there")
                }
            }
        }
        let mut last = "no interface is up".to_owned();
        for interface in there {
            if !self.is_for(interface) {
                continue;
            }
            if let Err(error) = self.attach(interface, pins) {
                last = format!("{}: {error}", interface.name);
                self.refused(interface, &error);
            }
        }
        if self.attached.is_empty() {
            return Err(KernelError::Attach(last));
        }
        Ok(())
    }

    /// Interfaces have come or gone.
    pub(crate) fn follow(&mut self, there: &[Interface], pins: &Pins) {
        let is_there = |index: u32| there.iter().any(|interface| interface.index == index);
        self.refused.retain(|index| is_there(*index));
        let gone: Vec<u32> = self
            .attached
            .keys()
            .copied()
            .filter(|index| !is_there(*index))
            .collect();
        for attached in gone.iter().filter_map(|index| self.attached.remove(index)) {
            tracing::info!(interface = %attached.name, "the interface is gone; the relay program is detached");
            if let Err(error) = attached.link.unpin() {
                tracing::debug!(%error, interface = %attached.name, "its pin is gone too");
            }
        }
        for interface in there {
            if self.attached.contains_key(&interface.index) || !self.is_for(interface) {
                continue;
            }
            match self.attach(interface, pins) {
                Ok(()) => {
                    tracing::info!(interface = %interface.name, "the relay program is attached to a new interface");
                }
                Err(error) => self.refused(interface, &error),
            }
        }
    }

    /// Names of the interfaces that it is attached to.
    pub(crate) fn names(&self) -> Vec<String> {
        self.attached
            .values()
            .map(|attached| attached.name.clone())
            .collect()
    }

    fn is_for(&self, interface: &Interface) -> bool {
        let wanted = self.wanted.is_empty() || self.wanted.contains(&interface.name);
        wanted && interface.is_up && interface.is_ethernet
    }

    fn refused(&mut self, interface: &Interface, error: &str) {
        if self.refused.insert(interface.index) {
            tracing::warn!(interface = %interface.name, %error, "the relay program cannot be attached");
        }
    }

    fn attach(&mut self, interface: &Interface, pins: &Pins) -> Result<(), String> {
        let classifier = classifier(&mut self.program).map_err(|error| error.to_string())?;
        let options = TcAttachOptions::TcxOrder(LinkOrder::default());
        let id = classifier
            .attach_with_options(&interface.name, TcAttachType::Ingress, options)
            .map_err(|error| chain(&error))?;
        let link = classifier.take_link(id).map_err(|error| chain(&error))?;
        let link: FdLink = link
            .try_into()
            .map_err(|error: aya::programs::links::LinkError| chain(&error))?;
        // By number: names may have a dot, which a bpf file system will not have.
        let link = link
            .pin(pins.path(&format!("{}{}", pins::LINK, interface.index)))
            .map_err(|error| chain(&error))?;
        let name = interface.name.clone();
        self.attached.insert(interface.index, Attached { name, link });
        Ok(())
    }

    /// The program itself, to be run on packets of a test's.
    #[cfg(test)]
    pub(crate) fn program(&mut self) -> &mut SchedClassifier {
        classifier(&mut self.program).unwrap()
    }
}

fn classifier(program: &mut Ebpf) -> Result<&mut SchedClassifier, KernelError> {
    let found = program
        .program_mut(PROGRAM)
        .ok_or_else(|| KernelError::Load(format!("it has no program {PROGRAM}")))?;
    found.try_into().map_err(|error| KernelError::Load(chain(&error)))
}
