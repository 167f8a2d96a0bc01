//! The search: each step from each state, once.

use std::{
    collections::{HashMap, HashSet},
    fmt::Write,
    sync::Arc,
    time::Duration,
};

use super::{Budget, Last, Node, Step, TITLES};
use crate::{
    capture::gate::{Gate, Openings},
    proofs::world::{ACCEPTED, Habits, STORM, Size, World, gate},
};

pub(super) struct Search {
    size: Size,
    whole: Budget,
    gate: Arc<Gate>,
    /// The state, and how many more steps were looked at from there.
    pub(super) seen: HashMap<u64, usize>,
    path: Vec<Step>,
    /// What a second process began with.
    crashed: HashSet<(Budget, [bool; TITLES])>,
    pub(super) steps: u64,
    pub(super) rests: u64,
}

/// The keys of all titles, those of the second process, and the storm incident's.
const KEYS: [u64; 2 * TITLES + 1] = [1, 2, 3, 4, STORM];

impl Search {
    pub(super) fn new(size: Size, whole: Budget) -> Self {
        let budget = Openings { burst: u32::MAX, per_minute: u32::MAX };
        Self {
            size,
            whole,
            gate: gate(Habits { resolve_after: None, budget }),
            seen: HashMap::new(),
            path: Vec::new(),
            crashed: HashSet::new(),
            steps: 0,
            rests: 0,
        }
    }

    fn look(&mut self, mut node: Node, depth: usize) -> Result<(), String> {
        let seen = self.seen.entry(node.fingerprint()).or_default();
        if *seen > depth {
            return Ok(());
        }
        *seen = depth + 1;
        let (gate, counters) = (Arc::clone(&self.gate), Arc::clone(&node.world.counters));
        let (saved, counted) = (gate.save(&KEYS), counters.save());
        let relay = Arc::clone(&node.world.relay);
        let restore = || {
            // What was dropped is not lost: it never was.
            relay.forget();
            gate.restore(&KEYS, &saved);
            counters.restore(&counted);
        };
        if node.is_over {
            self.rests += 1;
            let copy = node.clone();
            node.check()?;
            node = copy;
            restore();
        }
        if depth == 0 {
            return Ok(());
        }
        let mut steps = node.steps();
        steps.retain(|step| match *step {
            // Nothing else of the first process is left.
            Step::Crash(applied) => self.crashed.insert((node.left, node.world.after(applied))),
            _ => true,
        });
        let last = steps.len().saturating_sub(1);
        let mut here = Some(node);
        for (at, step) in steps.into_iter().enumerate() {
            let next = if at == last { here.take() } else { here.clone() };
            let Some(mut next) = next else { break };
            self.path.push(step);
            self.steps += 1;
            next.take(step)?;
            if next.is_idle {
                drop(next);
            } else {
                self.look(next, depth - 1)?;
            }
            restore();
            self.path.pop();
        }
        Ok(())
    }

    /// Everything that begins with this step, up to so many steps. `Err`: what is wrong, and the way there.
    pub(super) fn all(&mut self, first: Step, depth: usize) -> Result<(), String> {
        self.after(&[], first, depth)
    }

    /// The same when all of `before` has happened, and was accepted at once.
    pub(super) fn after(
        &mut self,
        before: &[Step],
        first: Step,
        depth: usize,
    ) -> Result<(), String> {
        self.seen.clear();
        self.crashed.clear();
        self.path.clear();
        let start = Duration::from_secs(36_000);
        let world = World::new(self.size, &self.gate, 1, start);
        let many = Budget { operations: u8::MAX, ..self.whole };
        let mut node =
            Node { world, left: many, is_over: true, is_idle: false, last: Last::Changed };
        for step in before {
            node.take(*step)?;
            node.world.arrive(matches!(step, Step::Resolve(_)));
            node.world.begin()?;
            node.world.end(ACCEPTED);
        }
        node.left = self.whole;
        self.path.push(first);
        self.steps += 1;
        node.take(first)?;
        self.look(node, depth).map_err(|wrong| {
            let mut told = format!("{wrong}, after {} steps:", self.path.len());
            for step in &self.path {
                write!(told, "\n  {step:?}").unwrap();
            }
            told
        })
    }
}
