//! What a trunk's callers have dialled: by its dial plan, and whether it is for emergency services.

use std::borrow::Cow;

use config::{Config, DialPattern, EmergencyRoute, NumberIn, Role, Trunk, UriStyle};

use super::{Tables, TrunkIx};
use crate::number::{self, Country, DialPlan, Misdialled, bare, behind_code, is_sos};

/// What somebody has dialled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dialled<'n> {
    /// This number, in E.164 where a dial plan tells; or a name.
    Number(Cow<'n, str>),
    /// This emergency number, as it is dialled in the caller's country.
    Emergency(Box<str>),
}

/// Dial plans and emergency routes of a configuration.
#[derive(Debug, Default)]
pub(super) struct Dialing {
    plans: Box<[DialPlan]>,
    /// Emergency numbers of everywhere.
    aliases: Box<[DialPattern]>,
    /// The countries that callers may be in.
    countries: Box<[Country]>,
    routes: Box<[Route]>,
    any_carrier: bool,
}

/// An emergency route with its trunks resolved.
#[derive(Debug)]
struct Route {
    keys: EmergencyRoute,
    to: Box<[TrunkIx]>,
}

/// What is known of a trunk's callers.
#[derive(Debug, Default)]
pub(super) struct Callers {
    /// Index of their dial plan.
    plan: Option<usize>,
    country: Option<Country>,
    region: Option<Box<str>>,
}

impl Dialing {
    /// Those of a configuration; `known` finds the trunks that a route names.
    pub(super) fn build(config: &Config, mut known: impl FnMut(&EmergencyRoute) -> Vec<TrunkIx>) -> Self {
        let keys = &config.emergency;
        let route = |keys: &EmergencyRoute| Route {
            keys: keys.clone(),
            to: known(keys).into(),
        };
        let routes = keys.routes.iter().map(route).collect();
        let mut countries: Vec<Country> = config
            .trunks
            .iter()
            .filter_map(|trunk| country_of(trunk, config))
            .collect();
        countries.sort_unstable();
        countries.dedup();
        Self {
            plans: config.dial_plans.iter().map(DialPlan::new).collect(),
            aliases: keys.aliases.iter().chain(&keys.numbers).cloned().collect(),
            countries: countries.into(),
            routes,
            any_carrier: keys.any_carrier,
        }
    }

    /// The number that `dialled` is an alias for, which is the same without a + or a country's code that do not belong there.
    fn alias(&self, country: Option<Country>, dialled: &str) -> Option<Box<str>> {
        let digits = bare(dialled);
        let behind = country
            .filter(|_| digits.len() < dialled.len())
            .and_then(|country| behind_code(country, digits));
        let forms = [Some(dialled), Some(digits), behind];
        let is_one = |form: &&str| self.aliases.iter().any(|alias| alias.fits(form));
        forms.into_iter().flatten().find(is_one).map(Box::from)
    }
}

impl Callers {
    /// Those of a trunk. `None`: it names a dial plan that there is not.
    pub(super) fn of(trunk: &Trunk, config: &Config) -> Option<Self> {
        let plan = match &trunk.dial_plan {
            None => None,
            Some(name) => Some(config.dial_plans.iter().position(|plan| plan.name == *name)?),
        };
        let network = trunk.network.as_deref();
        let network = config
            .networks
            .iter()
            .find(|other| Some(other.name.as_str()) == network);
        let region = trunk
            .emergency_region
            .as_ref()
            .or_else(|| network?.region.as_ref())
            .or(config.node.region.as_ref());
        Some(Self {
            plan,
            country: country_of(trunk, config),
            region: region.map(|region| region.as_str().into()),
        })
    }
}

/// The country of a trunk's callers.
fn country_of(trunk: &Trunk, config: &Config) -> Option<Country> {
    let of_plan = || {
        let name = trunk.dial_plan.as_ref()?;
        let plan = config.dial_plans.iter().find(|plan| plan.name == *name)?;
        Some(plan.country)
    };
    let of_numbering = || {
        let code = trunk.numbering.as_ref()?.country_code.parse().ok()?;
        Country::of_calling_code(code)
    };
    trunk
        .country
        .or_else(of_plan)
        .or_else(of_numbering)
        .or(config.emergency.country)
}

impl Route {
    /// How much it says of a call that it fits; `None`: it fits not.
    fn fits(&self, callers: &Callers, caller: &str, number: &str) -> Option<(bool, usize, bool, bool)> {
        let keys = &self.keys;
        let of_numbers = keys.numbers.is_empty() || keys.numbers.iter().any(|pattern| pattern.fits(number));
        let fitting = keys.callers.iter().filter(|pattern| pattern.fits(caller));
        let longest = fitting
            .map(|pattern| pattern.digits.len() * 2 + usize::from(!pattern.prefix) + 1)
            .max();
        let of_callers = keys.callers.is_empty() || longest.is_some();
        let of_region = keys.region.is_none() || keys.region.as_deref() == callers.region.as_deref();
        let of_country = keys.country.is_none() || keys.country == callers.country;
        let fits = of_numbers && of_callers && of_region && of_country;
        fits.then(|| {
            let says = (!keys.numbers.is_empty(), longest.unwrap_or(0));
            (says.0, says.1, keys.region.is_some(), keys.country.is_some())
        })
    }
}

impl Tables {
    fn callers(&self, ix: TrunkIx) -> Option<&Callers> {
        self.callers.get(ix.0 as usize)
    }

    fn dial_plan(&self, ix: TrunkIx) -> Option<&DialPlan> {
        self.dialing.plans.get(self.callers(ix)?.plan?)
    }

    /// The country of a trunk's callers, where the configuration tells.
    pub fn country(&self, ix: TrunkIx) -> Option<Country> {
        self.callers(ix)?.country
    }

    /// The region of a trunk's callers, where the configuration tells.
    pub fn region(&self, ix: TrunkIx) -> Option<&str> {
        self.callers(ix)?.region.as_deref()
    }

    /// The emergency number that a customer has dialled, as it is dialled where the caller is; `None`: it is none, or a carrier's call.
    /// A URN (RFC 5031) stands for the country's first, or 112.
    pub fn emergency(&self, from: TrunkIx, dialled: &str) -> Option<Box<str>> {
        if self.trunk(from).role != Role::Customer {
            return None;
        }
        self.emergency_in(self.country(from), dialled)
    }

    fn emergency_in(&self, country: Option<Country>, dialled: &str) -> Option<Box<str>> {
        if is_sos(dialled) {
            let first = country.and_then(|country| number::emergency_numbers(country).first());
            return Some(Box::from(first.copied().unwrap_or("112")));
        }
        let own = country.and_then(|country| number::emergency(country, dialled));
        own.map(Box::from)
            .or_else(|| self.dialing.alias(country, dialled))
    }

    /// Whether a number is an emergency number for some customer.
    pub fn may_be_emergency(&self, dialled: &str) -> bool {
        let countries = self.dialing.countries.iter().copied().map(Some);
        countries
            .chain([None])
            .any(|country| self.emergency_in(country, dialled).is_some())
    }

    /// What callers of a trunk mean by what they have dialled: as the trunk writes numbers (`numbering`), then by its dial plan.
    ///
    /// # Errors
    /// It is no number by the plan, and no rule or user of ours is called so.
    pub fn dialled<'n>(&self, from: TrunkIx, dialled: &'n str) -> Result<Dialled<'n>, Misdialled> {
        if let Some(number) = self.emergency(from, dialled) {
            return Ok(Dialled::Emergency(number));
        }
        if is_sos(dialled) {
            // A carrier's: whoever answers these calls here has a rule for the number.
            let number = self.emergency_in(self.country(from), dialled);
            return Ok(Dialled::Number(
                number.map(String::from).unwrap_or_default().into(),
            ));
        }
        let read = self.trunk(from).read_number(dialled);
        let Some(plan) = self.dial_plan(from) else {
            return Ok(Dialled::Number(read));
        };
        let found = match read {
            Cow::Borrowed(read) => self.by_plan(plan, from, read),
            Cow::Owned(read) => self.by_plan(plan, from, &read).map(Dialled::into_owned),
        };
        match found {
            Err(misdialled) if self.rule(dialled).is_none() => Err(misdialled),
            Err(_) => Ok(Dialled::Number(Cow::Borrowed(dialled))),
            Ok(found) => Ok(found),
        }
    }

    fn by_plan<'n>(&self, plan: &DialPlan, from: TrunkIx, read: &'n str) -> Result<Dialled<'n>, Misdialled> {
        let step = plan.rewritten(read)?;
        let number = match &step {
            number::Step::Is(number) | number::Step::Read(number) => number,
        };
        // Behind the digit for an outside line, too.
        if **number != *read
            && let Some(number) = self.emergency(from, number)
        {
            return Ok(Dialled::Emergency(number));
        }
        Ok(Dialled::Number(match step {
            number::Step::Is(number) => number,
            number::Step::Read(number) => plan.read(read, number)?,
        }))
    }

    /// A number that a trunk has sent and that is not dialled, a caller's above all, in E.164 as far as `numbering` and its dial plan
    /// tell.
    pub fn read_number<'n>(&self, from: &Trunk, number: &'n str) -> Cow<'n, str> {
        let read = from.read_number(number);
        let ix = from.dial_plan.as_ref().and_then(|_| self.trunk_named(&from.name));
        let Some(plan) = ix.and_then(|ix| self.dial_plan(ix)) else {
            return read;
        };
        match read {
            Cow::Borrowed(read) => plan.caller(read),
            Cow::Owned(read) => Cow::Owned(plan.caller(&read).into_owned()),
        }
    }

    /// The routes that fit an emergency call, the one that says most first.
    fn emergency_routes(&self, from: TrunkIx, caller: &str, number: &str) -> Vec<&Route> {
        let none = Callers::default();
        let callers = self.callers(from).unwrap_or(&none);
        let fitting = |route| Some((Route::fits(route, callers, caller, number)?, route));
        let mut routes: Vec<_> = self.dialing.routes.iter().filter_map(fitting).collect();
        // Stable: of those that say as much the first comes first.
        routes.sort_by_key(|(says, _)| std::cmp::Reverse(*says));
        routes.into_iter().map(|(_, route)| route).collect()
    }

    /// Who is to take an emergency call, in order: the trunks of the routes that fit, of a rule for the number, and all carriers.
    pub(crate) fn emergency_trunks(&self, from: TrunkIx, caller: &str, number: &str) -> Vec<TrunkIx> {
        let routes = self.emergency_routes(from, caller, number);
        let routed = routes.iter().flat_map(|route| route.to.iter().copied());
        let rule = self
            .rule(number)
            .into_iter()
            .flat_map(|rule| rule.to.iter().copied());
        let mut carriers: Vec<TrunkIx> = match self.dialing.any_carrier {
            true => self
                .carriers
                .all()
                .iter()
                .map(|standing| standing.trunk)
                .collect(),
            false => Vec::new(),
        };
        carriers.sort_by_key(|&ix| self.trunk(ix).priority);
        let mut trunks = Vec::new();
        for ix in routed.chain(rule).chain(carriers) {
            if !trunks.contains(&ix) {
                trunks.push(ix);
            }
        }
        trunks
    }

    /// What is dialled at a trunk for an emergency call, and the URI that it stands in: what its route says, as the trunk writes
    /// numbers, else the emergency number, which has no other format anywhere.
    pub fn emergency_dialled(
        &self,
        from: TrunkIx,
        caller: &str,
        number: &str,
        to: TrunkIx,
    ) -> (String, UriStyle) {
        let routes = self.emergency_routes(from, caller, number);
        let route = routes.into_iter().find(|route| route.to.contains(&to));
        let said = route.and_then(|route| route.keys.dial.as_deref());
        let trunk = self.trunk(to);
        let (written, style) = trunk.write_number(NumberIn::RequestUri, said.unwrap_or(number));
        match said {
            Some(said) if said != number => (written, style),
            Some(_) | None => (number.to_owned(), style),
        }
    }
}

impl Dialled<'_> {
    fn into_owned<'o>(self) -> Dialled<'o> {
        match self {
            Self::Number(number) => Dialled::Number(Cow::Owned(number.into_owned())),
            Self::Emergency(number) => Dialled::Emergency(number),
        }
    }
}
