//! What is kept over a restart: how much each customer usually does with each country, without the hours. Bars are not, nor are
//! counts.

use super::baseline::{Baseline, Kept};
use super::group::Group;
use super::{Guard, MAX_GROUPS, Moment, Place, Way};
use serde::{Deserialize, Serialize};

/// Version of what is kept. Another one is not read.
const VERSION: u32 = 1;

/// What a guard leaves for the one after it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Memory {
    version: u32,
    groups: Vec<Remembered>,
}

impl Memory {
    /// Whether there is nothing to be kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }
}

/// One customer's calls to one country.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Remembered {
    customer: String,
    /// Absent: everywhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    place: Option<(u16, bool)>,
    baseline: Kept,
    mean: f32,
    means: u32,
    price: f32,
}

impl Guard {
    /// What is worth keeping over a restart.
    #[must_use]
    pub fn memory(&self) -> Memory {
        let groups = self.groups.iter().filter_map(|(_, (index, way, place), group)| {
            let customer = self.customers.get(*index as usize)?;
            let known = *way == Way::Out && !customer.is_young(self.latest);
            known.then(|| Remembered {
                customer: customer.name.to_string(),
                place: place.map(Place::parts),
                baseline: group.baseline.kept(),
                mean: group.mean,
                means: group.means,
                price: group.price,
            })
        });
        Memory {
            version: VERSION,
            groups: groups.collect(),
        }
    }

    /// Takes back what the guard before this one has left, for the trunks of the config in force. Those customers are not learned anew.
    /// Gives the number of their countries.
    pub fn recall(&mut self, now: Moment, memory: Memory) -> usize {
        if memory.version != VERSION {
            return 0;
        }
        let mut recalled = 0;
        for left in memory.groups.into_iter().take(MAX_GROUPS) {
            let Some(&index) = self.names.get(left.customer.as_str()) else {
                continue;
            };
            let when = self.when(now, index);
            let place = left.place.map(Place::of_parts);
            let handle = self.groups.entry((index, Way::Out, place), || {
                Group::new(index, Way::Out, place, when.hour)
            });
            if let Some(group) = self.groups.get_mut(handle) {
                *group.baseline = Baseline::of(left.baseline, when.hour);
                (group.mean, group.means, group.price) = (left.mean, left.means, left.price);
            }
            if let Some(customer) = self.customers.get_mut(index as usize) {
                customer.known = true;
            }
            self.learn(handle, when);
            recalled += usize::from(place.is_some());
        }
        recalled
    }
}
