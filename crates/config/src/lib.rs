//! Configuration of Tandem: one TOML file and its includes, checked whole.

mod api;
mod model;
mod values;

pub use api::{
    Change, Files, Problem, Report, check, defaults, load, parse, reference_markdown, schema_json,
};
pub use model::{
    Advance, Api, Auth, Class, Config, Engine, Failover, Listen, Media, Node, NumberFormat, NumberRule,
    NumberStyle, Objective, Records, Role, Sip, Target, Transport, Trunk,
};
pub use values::{Cidr, Host, Pattern, Secret, Source};
