//! From checked settings to a running pipeline: the one place that puts the parts together.

use std::{
    hash::{BuildHasher, RandomState},
    sync::{Arc, Weak},
};

use secrecy::ExposeSecret;

use super::{
    BUDGET_RANGE, BUILDER, Builder, QUEUE_RANGE, QUIET_RANGE, REPEAT_RANGE,
    endpoints::{self, Endpoints},
    links,
    start::Start,
};
use crate::{
    capture::{
        event::can_group,
        filter::{DEFAULT_FILTER, Rules, RulesFilter},
        gate::Openings,
        in_force::InForce,
        layer::SpikeLayer,
        literals::Literals,
        pipeline::{Panics, Pipeline, Settings},
        redact::{ADDED_LENGTH, ADDED_NAMES, OPEN_FIELDS, Redaction, Scrubber, letters},
        routes::Routes,
        title::{MAX_GROUP_NAMES, MAX_GROUPS, verbatim},
        trail::{EVENTS, Trails},
    },
    delivery::{
        body::Source,
        dry::Dry,
        kept::LastWords,
        spool::Spool,
        supervisor,
        tls::Roots,
        transport::{Network, Transport},
        worker,
    },
    env::{self, Mode},
    error::{Error, Kind, shown},
    guard::Guard,
    health::{Board, WorkerState},
    incident::Keep,
    queue::{self, Control, Sender},
    stats::Counters,
    webhook::Webhook,
};

#[cfg(feature = "testing")]
use crate::capture::why::Why;

impl Builder {
    /// The parts before they are given a subscriber's type.
    pub(super) fn assemble(self) -> Result<Built, Error> {
        self.check()?;
        let roots = Roots::parse(&self.roots)?;
        let from_env = self.url.is_none();
        let rules = self.rules(from_env)?;
        let rules = if self.trail.is_some() { rules.recording() } else { rules };
        let rules = Arc::new(InForce::new(rules));
        let said = if from_env && self.mode.is_none() { env::mode()? } else { None };
        let mode = self.mode.or(said);
        let webhook = self.webhook(mode)?;
        let place = webhook.as_ref().map(|(webhook, from)| (webhook.place().to_owned(), *from));
        let webhook = webhook.map(|(webhook, _)| webhook);
        let is_off = mode == Some(Mode::Off);
        let (endpoints, routes) = Endpoints::of(self.routes.clone(), webhook, is_off)?;
        let (mode, routes) = (decide(mode, place.is_some())?, Arc::new(routes));
        let source = Source { runbooks: endpoints.runbooks(), ..self.source(from_env)? };
        let templates = source.links.iter().map(|(_, link)| link).chain(&source.runbooks);
        links::check(templates, &endpoints.tokens())?;
        let (clock, counters) = (self.clock(), Arc::new(Counters::new()));
        let (spool, without_spool) = self.open_spool(mode, &endpoints.tokens())?;
        let panics = self.about_panics(&rules, &routes, source.service.as_deref());
        let dry = Self::dry(mode, &rules, &routes);
        let witness = self.witness(dry.as_ref());
        let settings = Settings {
            witness,
            ..self.settings((&endpoints, &source, spool.clone()), panics, mode)
        };
        let mut start = Start {
            mode,
            webhook: place,
            routed: endpoints.routed(),
            service: source.service.clone().unwrap_or_default(),
            from_env,
            by_variable: said.is_some(),
            without_literals: false,
            has_spool: spool.is_some() && without_spool.is_none(),
        };
        let board = Arc::new(Board::default());
        let sender = match mode {
            Mode::Off => {
                board.post(|posted| posted.worker = WorkerState::Off);
                None
            }
            _ => {
                let network = Network { clock: clock.clone(), roots, proxies: self.proxies };
                let shared = Shared {
                    counters: &counters,
                    board: &board,
                    spool,
                    redact: Arc::clone(&settings.scrubber),
                };
                Some(self.start((dry, source), shared, network, endpoints)?)
            }
        };
        let pipeline = Arc::new(Pipeline::new(clock, sender, counters, settings));
        let filter = match pipeline.queue() {
            Some(queue) => {
                let replay: Weak<Pipeline> = Arc::downgrade(&pipeline);
                queue.control(Control::Replay(replay));
                without_spool.map(|problem| queue.control(Control::Say(problem)));
                RulesFilter::new(Arc::clone(&rules), Arc::clone(&routes), queue.clone())
            }
            None => RulesFilter::off(),
        };
        let (wanted, pages) = (self.titles.wants_literals(), pipeline.queue().is_some());
        let literals = if wanted && pages { Literals::of_this_process() } else { None };
        start.without_literals = wanted && pages && literals.is_none();
        Ok(Built {
            layer: SpikeLayer::new(
                Arc::clone(&rules),
                Arc::clone(&routes),
                Arc::clone(&pipeline),
                self.titles,
                literals,
                self.group_by,
            )
            .recording(self.trail.map(Trails::new)),
            filter,
            #[cfg(feature = "testing")]
            why: Why::new(&rules, &routes),
            guard: Guard::new(pipeline, rules, routes, board, self.shutdown_timeout),
            start,
        })
    }

    /// What the caller's side is told.
    pub(super) fn settings(
        &self,
        (endpoints, source, spool): (&Endpoints, &Source, Option<Arc<Spool>>),
        panics: Option<Panics>,
        mode: Mode,
    ) -> Settings {
        let keep = spool.map(|spool| {
            let (homes, source) = (endpoints.homes(), source.clone());
            Arc::new(LastWords { spool, homes, source }) as Arc<dyn Keep>
        });
        Settings {
            repeat_every: self.repeat_every,
            resolve_after: self.resolve_after,
            budget: self.budget,
            storm: storm_title(source.service.as_deref()),
            severity: self.severity,
            priority: self.priority,
            scrubber: Arc::new(Scrubber::new(
                endpoints.tokens(),
                self.redaction.clone(),
                &self.redacted_names,
            )),
            keep,
            panics,
            witness: None,
            endpoints: if mode == Mode::Off { 1 } else { endpoints.len() },
        }
    }

    /// The webhook and where it came from. Off is off, whatever the webhook is.
    fn webhook(&self, mode: Option<Mode>) -> Result<Option<(Webhook, &'static str)>, Error> {
        match &self.url {
            _ if mode == Some(Mode::Off) => Ok(None),
            Some(url) => {
                Webhook::parse(url.expose_secret(), BUILDER).map(|webhook| Some((webhook, BUILDER)))
            }
            None => env::webhook(),
        }
    }

    /// Checks the settings that don't depend on the environment.
    pub(super) fn check(&self) -> Result<(), Error> {
        let setting =
            |name, expected, found| Err(Error::new(Kind::Setting { name, expected, found }));
        if !REPEAT_RANGE.contains(&self.repeat_every) {
            let found = format!("{:?}", self.repeat_every);
            return setting("repeat_every", "10 s to 24 h", found);
        }
        if !QUEUE_RANGE.contains(&self.queue_capacity) {
            let found = self.queue_capacity.to_string();
            return setting("queue_capacity", "1 to 65,536 incidents", found);
        }
        if let Some(found) = self.resolve_after.filter(|after| !QUIET_RANGE.contains(after)) {
            return setting("resolve_after", "1 min to 24 h", format!("{found:?}"));
        }
        let Openings { burst, per_minute } = self.budget;
        if !BUDGET_RANGE.contains(&burst) || !BUDGET_RANGE.contains(&per_minute) {
            let found = format!("{burst} and {per_minute}");
            return setting("budget", "1 to 1,000 at once and 1 to 1,000 a minute", found);
        }
        if let Some(found) = self.trail.filter(|events| !EVENTS.contains(events)) {
            return setting("trail", "1 to 64 events", found.to_string());
        }
        endpoints::check(&self.routes)?;
        self.check_redaction()?;
        self.check_groups()
    }

    fn check_redaction(&self) -> Result<(), Error> {
        let setting =
            |name, expected, found| Err(Error::new(Kind::Setting { name, expected, found }));
        let names = &self.redacted_names;
        if names.len() > ADDED_NAMES {
            return setting("redact", "64 names at most", names.len().to_string());
        }
        let usable =
            |name: &&String| name.is_ascii() && ADDED_LENGTH.contains(&letters(name).len());
        if let Some(name) = names.iter().find(|name| !usable(name)) {
            return setting("redact", "names of 3 to 40 ASCII letters and digits", shown(name));
        }
        let Redaction::AllBut(open) = &self.redaction else { return Ok(()) };
        if open.len() > OPEN_FIELDS {
            return setting("redact_all_but", "128 fields at most", open.len().to_string());
        }
        if open.iter().any(String::is_empty) {
            return setting("redact_all_but", "names of fields", "an empty one".to_owned());
        }
        match self.group_by.iter().find(|name| !open.contains(name)) {
            Some(name) => {
                let expected = "what group_by names among its fields";
                setting("redact_all_but", expected, format!("no {}", shown(name)))
            }
            None => Ok(()),
        }
    }

    fn check_groups(&self) -> Result<(), Error> {
        let setting =
            |expected, found| Err(Error::new(Kind::Setting { name: "group_by", expected, found }));
        let names = &self.group_by;
        if let Some(name) = names.iter().find(|name| !can_group(name)) {
            return setting("names of fields other than message, spike and spike.…", shown(name));
        }
        if names.len() > MAX_GROUPS {
            return setting("4 fields at most", names.len().to_string());
        }
        let twice = |(at, name)| names.iter().take(at).any(|earlier: &String| earlier == name);
        if let Some((_, name)) = names.iter().enumerate().find(|one| twice(*one)) {
            return setting("each field once", format!("{} twice", shown(name)));
        }
        let length =
            names.iter().fold(0, |sum: usize, name| sum.saturating_add(name.chars().count()));
        if length > MAX_GROUP_NAMES {
            let found = format!("{length} characters");
            return setting("names of 64 characters together at most", found);
        }
        Ok(())
    }

    pub(super) fn rules(&self, from_env: bool) -> Result<Rules, Error> {
        if let Some(rules) = &self.filter {
            return Rules::parse(rules, "filter");
        }
        let rules = if from_env { env::variable(env::FILTER)? } else { None };
        Rules::parse(rules.as_deref().unwrap_or(DEFAULT_FILTER), env::FILTER)
    }

    /// What is known of all panics beforehand, if they are to page.
    fn about_panics(
        &self,
        rules: &Arc<InForce>,
        routes: &Routes,
        service: Option<&str>,
    ) -> Option<Panics> {
        if !self.panics {
            return None;
        }
        rules.mark(Panics::TARGET);
        routes.mark(Panics::TARGET);
        let service = service.unwrap_or_default().to_owned();
        Some(Panics { rules: Arc::clone(rules), route: routes.find(Panics::TARGET), service })
    }

    pub(super) fn source(&self, from_env: bool) -> Result<Source, Error> {
        let service = match &self.service {
            Some(service) => Some(service.clone()),
            None => env::service(from_env)?,
        };
        let environment = match &self.environment {
            Some(environment) => Some(environment.clone()),
            None if from_env => env::variable(env::ENVIRONMENT)?,
            None => None,
        };
        let (host, pid) = self.process();
        let (version, links) = (self.version.clone(), links::parse(&self.links)?);
        Ok(Source { service, version, environment, host, pid, links, runbooks: Vec::new() })
    }

    fn start(
        &self,
        (dry, source): (Option<Dry>, Source),
        shared: Shared<'_>,
        network: Network,
        endpoints: Endpoints,
    ) -> Result<Sender, Error> {
        let (sender, receiver) = queue::bounded(self.queue_capacity, endpoints.len());
        let Shared { counters, board, spool, redact } = shared;
        let counters = Arc::clone(counters);
        let entropy = RandomState::new().hash_one(std::process::id());
        let (board, on_problem) = (Arc::clone(board), self.on_problem);
        let parts = worker::Parts {
            clock: network.clock.clone(),
            receiver,
            counters,
            redact,
            source,
            entropy,
            board,
            on_problem,
            spool,
            dry: dry.clone(),
            #[cfg(test)]
            fails: self.fails.clone(),
        };
        #[cfg(feature = "testing")]
        if let Some(super::watched::Driving { driven, .. }) = &self.driven {
            let tokens = endpoints.tokens();
            driven.begin(parts, endpoints.named(true), &tokens);
            return Ok(sender.driven_by(Arc::clone(driven) as _));
        }
        let (tokens, endpoints) = (endpoints.tokens(), endpoints.named(dry.is_some()));
        supervisor::start(parts, move || match dry {
            Some(dry) => Ok(Transport::print(endpoints, &tokens, &dry)),
            None => Transport::post(endpoints, &tokens, &network),
        })?;
        Ok(sender)
    }
}

/// What the worker has in common with the caller's side.
struct Shared<'a> {
    counters: &'a Arc<Counters>,
    board: &'a Arc<Board>,
    spool: Option<Arc<Spool>>,
    redact: Arc<Scrubber>,
}

/// The title of the storm incident, in words that any title may have.
fn storm_title(service: Option<&str>) -> String {
    let mut title = String::new();
    let service = service.map(|service| format!(" in {service}")).unwrap_or_default();
    verbatim(&format!("error storm{service}"), &mut title);
    title
}

/// A layer without its filter, since the two meet only where the subscriber's type is known.
pub(crate) struct Built {
    pub(crate) layer: SpikeLayer,
    pub(crate) filter: RulesFilter,
    pub(crate) guard: Guard,
    /// For a user's test.
    #[cfg(feature = "testing")]
    pub(crate) why: Why,
    pub(super) start: Start,
}

fn decide(mode: Option<Mode>, has_webhook: bool) -> Result<Mode, Error> {
    match mode {
        Some(Mode::Live) if !has_webhook => Err(no_webhook()),
        Some(mode) => Ok(mode),
        None if has_webhook => Ok(Mode::Live),
        None => Ok(Mode::Off),
    }
}

fn no_webhook() -> Error {
    Error::new(Kind::Setting {
        name: env::MODE,
        expected: "a webhook for mode live, in SPIKE_WEBHOOK_URL, SPIKE_WEBHOOK_URL_FILE or \
                   SPIKE_TOKEN",
        found: "none".to_owned(),
    })
}
