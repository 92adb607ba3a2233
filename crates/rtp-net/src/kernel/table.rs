//! The flow table: the program's maps, and who has which place in them.

use super::chain;
use super::clock::Clock;
use super::error::KernelError;
use super::layout::{Joints, Key, SlotRecord, TypesRecord};
use super::pins::{self, Pins};
use aya::Ebpf;
use aya::maps::{Array, HashMap, MapData, MapError};
use rtp_proto::offload::{Flow, Ledger, Types};
use std::fmt;
use std::sync::Arc;

/// BPF_F_LOCK: a slot is read and written whole.
const LOCKED: u64 = 4;
/// Different tables of payload types there is room for; nearly all flows have one of a few.
pub(crate) const TYPES: u32 = 4096;

/// Flows and their counters.
pub(crate) struct Table {
    /// The slot of each of our addresses.
    flows: HashMap<MapData, Key, u32>,
    slots: Array<MapData, SlotRecord>,
    /// 1: the flow of that slot is at work.
    gates: Array<MapData, u32>,
    types: Array<MapData, TypesRecord>,
    shared: std::collections::HashMap<Arc<Types>, Shared>,
    free_slots: Places,
    free_types: Places,
    clock: Clock,
}

/// A table of payload types that is in use.
struct Shared {
    index: u32,
    flows: u32,
}

/// Places of an array.
struct Places {
    free: Vec<u32>,
    used: u32,
    size: u32,
}

/// A flow's place.
#[derive(Debug)]
pub(crate) struct Place {
    key: Key,
    slot: u32,
    types: Arc<Types>,
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (flows, types) = (self.flows(), self.shared.len());
        write!(
            f,
            "Table({flows} of {} flows, {types} types)",
            self.free_slots.size
        )
    }
}

impl Table {
    /// Takes the maps from a loaded program and pins them.
    pub(crate) fn open(program: &mut Ebpf, flows: u32, pins: &Pins) -> Result<Self, KernelError> {
        let mut take = |name: &str| {
            let missing = || KernelError::Load(format!("it has no map {name}"));
            let map = program.take_map(name).ok_or_else(missing)?;
            let path = pins.path(name);
            map.pin(&path)
                .map_err(|error| KernelError::Load(format!("pinning {}: {error}", path.display())))?;
            Ok(map)
        };
        Ok(Self {
            flows: HashMap::try_from(take(pins::FLOWS)?).map_err(|error| map_error(&error))?,
            slots: Array::try_from(take("slots")?).map_err(|error| map_error(&error))?,
            gates: Array::try_from(take("gates")?).map_err(|error| map_error(&error))?,
            types: Array::try_from(take("types")?).map_err(|error| map_error(&error))?,
            shared: std::collections::HashMap::new(),
            free_slots: Places::new(flows),
            free_types: Places::new(TYPES),
            clock: Clock::now(),
        })
    }

    /// Flows at work now.
    pub(crate) fn flows(&self) -> usize {
        self.free_slots.taken()
    }

    /// Puts a flow to work, which counts on from `ledger`; `joints.types` is filled in here.
    pub(crate) fn insert(
        &mut self,
        flow: &Flow,
        joints: Joints,
        ledger: &Ledger,
    ) -> Result<Place, KernelError> {
        let (types, index) = self.hold(&flow.types)?;
        let joints = Joints {
            types: index,
            ..joints
        };
        let written = self.write(flow, joints, ledger);
        match written {
            Ok(slot) => Ok(Place {
                key: Key::new(flow.local),
                slot,
                types,
            }),
            Err(error) => {
                self.release(&types);
                Err(error)
            }
        }
    }

    fn write(&mut self, flow: &Flow, joints: Joints, ledger: &Ledger) -> Result<u32, KernelError> {
        let slot = self.free_slots.take().ok_or(KernelError::Full)?;
        let record = SlotRecord::new(flow, joints, ledger, &self.clock);
        let mut write = || {
            self.slots.set(slot, record, LOCKED)?;
            self.gates.set(slot, 1, 0)?;
            self.flows.insert(Key::new(flow.local), slot, 0)
        };
        if let Err(error) = write() {
            // Nobody finds it; and if the gate cannot be closed, nobody else gets it.
            if self.gates.set(slot, 0, 0).is_ok() {
                self.free_slots.give_back(slot);
            }
            return Err(map_error(&error));
        }
        Ok(slot)
    }

    /// What a flow has counted so far.
    pub(crate) fn read(&self, place: &Place) -> Result<Ledger, KernelError> {
        let record = self.slots.get(&place.slot, LOCKED);
        record
            .map(|record| record.ledger(&self.clock))
            .map_err(|error| map_error(&error))
    }

    /// Ends a flow; all that it counted. From the moment this returns, packets come to the socket.
    ///
    /// A program that is at work on another processor has counted its packet before the slot is read, or finds the gate closed: it
    /// looks at the gate under the lock that reading takes. So nothing is counted later, and the slot is free.
    pub(crate) fn remove(&mut self, place: &Place) -> Result<Ledger, KernelError> {
        let closed = self.gates.set(place.slot, 0, 0);
        let ledger = self.read(place);
        let removed = match self.flows.remove(&place.key) {
            Ok(()) | Err(MapError::KeyNotFound) => Ok(()),
            Err(error) => Err(error),
        };
        match (closed, removed) {
            (Ok(()), _) => {
                self.release(&place.types);
                self.free_slots.give_back(place.slot);
                ledger
            }
            // It is not found any more, but whoever had found it may still count: the slot stays unused.
            (Err(_), Ok(())) => ledger,
            (Err(error), Err(_)) => Err(map_error(&error)),
        }
    }

    /// One more flow has this table of payload types.
    fn hold(&mut self, types: &Arc<Types>) -> Result<(Arc<Types>, u32), KernelError> {
        if let Some((known, _)) = self.shared.get_key_value(types) {
            let known = Arc::clone(known);
            let index = self.shared.get_mut(&known).map_or(0, |shared| {
                shared.flows += 1;
                shared.index
            });
            return Ok((known, index));
        }
        let index = self.free_types.take().ok_or(KernelError::Full)?;
        if let Err(error) = self.types.set(index, TypesRecord::new(types), 0) {
            self.free_types.give_back(index);
            return Err(map_error(&error));
        }
        self.shared.insert(Arc::clone(types), Shared { index, flows: 1 });
        Ok((Arc::clone(types), index))
    }

    fn release(&mut self, types: &Arc<Types>) {
        let Some(shared) = self.shared.get_mut(types) else {
            return;
        };
        shared.flows -= 1;
        if shared.flows == 0 {
            self.free_types.give_back(shared.index);
            self.shared.remove(types);
        }
    }
}

impl Places {
    fn new(size: u32) -> Self {
        Self {
            free: Vec::new(),
            used: 0,
            size,
        }
    }

    fn take(&mut self) -> Option<u32> {
        if let Some(place) = self.free.pop() {
            return Some(place);
        }
        if self.used >= self.size {
            return None;
        }
        self.used += 1;
        Some(self.used - 1)
    }

    fn give_back(&mut self, place: u32) {
        self.free.push(place);
    }

    fn taken(&self) -> usize {
        usize::try_from(self.used).map_or(0, |used| used - self.free.len())
    }
}

fn map_error(error: &MapError) -> KernelError {
    KernelError::Map(chain(error))
}
