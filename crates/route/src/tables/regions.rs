//! Regions: where calls come in, and how near carriers and their targets are to that.

use super::{NetworkIx, TrunkIx};
use crate::plan::Standing;
use config::{Config, Trunk};
use std::collections::HashMap;

/// How near something is to where a call has come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u32)]
pub enum Near {
    /// In the same region.
    Here,
    /// Nobody has said in which region the one or the other is.
    Unknown,
    /// In another region.
    Elsewhere,
}

impl Near {
    fn of(region: Option<u16>, other: Option<u16>) -> Self {
        match (region, other) {
            (Some(region), Some(other)) if region == other => Self::Here,
            (Some(_), Some(_)) => Self::Elsewhere,
            (None, _) | (_, None) => Self::Unknown,
        }
    }
}

/// The regions of one configuration.
#[derive(Debug, Default)]
pub(super) struct Regions {
    /// The region of each network.
    networks: Box<[Option<u16>]>,
    /// For each trunk, the regions of its targets; none where there is none.
    targets: Box<[Box<[Option<u16>]>]>,
    /// For each region, how near each carrier is, in their order.
    carriers: Box<[Box<[Near]>]>,
}

/// Regions by name, as they are met.
#[derive(Default)]
struct Names<'c>(HashMap<&'c str, u16>);

impl<'c> Names<'c> {
    fn index(&mut self, name: Option<&'c String>) -> Option<u16> {
        let next = u16::try_from(self.0.len()).ok()?;
        Some(*self.0.entry(name?).or_insert(next))
    }

    /// The regions of a trunk's targets, or of the trunk where it has none.
    fn of(&mut self, trunk: &'c Trunk) -> Box<[Option<u16>]> {
        let own = self.index(trunk.region.as_ref());
        let of_target = |target: &'c config::Target| self.index(target.region.as_ref()).or(own);
        let targets: Box<[Option<u16>]> = trunk.targets.iter().map(of_target).collect();
        match (targets.iter().any(Option::is_some), own) {
            (true, _) => targets,
            (false, Some(_)) => Box::new([own]),
            (false, None) => Box::default(),
        }
    }
}

impl Regions {
    /// Of a configuration whose carriers stand in this order.
    pub(super) fn build(config: &Config, carriers: &[Standing]) -> Self {
        let mut names = Names::default();
        let node = names.index(config.node.region.as_ref());
        let mut networks = vec![node];
        for network in &config.networks {
            networks.push(names.index(network.region.as_ref()).or(node));
        }
        let targets: Box<[Box<[Option<u16>]>]> = config.trunks.iter().map(|trunk| names.of(trunk)).collect();
        let near = |region: u16, trunk: TrunkIx| {
            let regions = targets.get(trunk.0 as usize).into_iter().flatten();
            let near = regions.map(|other| Near::of(Some(region), *other)).min();
            near.unwrap_or(Near::Unknown)
        };
        // Only where calls come in is anything near.
        let entered = networks.iter().flatten().max().map_or(0, |last| last + 1);
        let of_region = |region| {
            carriers
                .iter()
                .map(|standing| near(region, standing.trunk))
                .collect()
        };
        let any = targets.iter().any(|regions| !regions.is_empty());
        Self {
            carriers: if any {
                (0..entered).map(of_region).collect()
            } else {
                Box::default()
            },
            networks: networks.into(),
            targets,
        }
    }

    /// The region of calls that come in by a network; `None` where it has none, or no trunk has.
    pub(super) fn entered(&self, network: NetworkIx) -> Option<u16> {
        let region = self.networks.get(usize::from(network.0)).copied().flatten()?;
        (usize::from(region) < self.carriers.len()).then_some(region)
    }

    /// How near each carrier is to a region, in their order.
    pub(super) fn carriers(&self, region: u16) -> &[Near] {
        self.carriers.get(usize::from(region)).map_or(&[], |near| near)
    }

    /// How near a target is to a region.
    pub(super) fn target(&self, region: u16, trunk: TrunkIx, target: usize) -> Near {
        let regions = self.targets.get(trunk.0 as usize);
        let other = regions.and_then(|regions| regions.get(target));
        Near::of(Some(region), other.copied().flatten())
    }
}
