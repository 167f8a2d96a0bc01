//! What a program may hand on as JSON: [`Stats`], [`Health`] and what they are made of.
//!
//! Invariants: each field is there, under its own name; a duration is a number of seconds, and what
//! is not there is `null`.

use std::time::Duration;

use serde_core::{Serialize, Serializer, ser::SerializeStruct};

use crate::{
    health::{EndpointHealth, EndpointState, Health, WorkerState},
    stats::{Ignored, Lost, Refused, Stats, Suppressed},
};

/// A value as it is written.
trait Written {
    fn written(&self) -> impl Serialize;
}

impl Written for Option<Duration> {
    fn written(&self) -> impl Serialize {
        self.map(|duration| duration.as_secs_f64())
    }
}

/// The others are written as they are.
macro_rules! as_they_are {
    ($($type:ty),*) => {$(
        impl Written for $type {
            fn written(&self) -> impl Serialize {
                self
            }
        }
    )*};
}

as_they_are!(u64, String, Vec<String>, Ignored, Suppressed, Refused, Lost);
as_they_are!(WorkerState, EndpointState, Vec<EndpointHealth>);

/// A field that is left out does not compile.
macro_rules! fields {
    ($type:ident { $($field:ident),* $(,)? }) => {
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let Self { $($field),* } = self;
                let count = [$(stringify!($field)),*].len();
                let mut out = serializer.serialize_struct(stringify!($type), count)?;
                $(out.serialize_field(stringify!($field), &$field.written())?;)*
                out.end()
            }
        }
    };
}

fields!(Stats {
    seen,
    ignored,
    suppressed,
    refused,
    lost,
    delivered,
    spooled,
    pending,
    retries,
    tls,
    asserted,
    evicted,
    unverified,
    folded,
    restarts,
    replayed,
    set_aside,
    spool_errors,
    panicked_fields,
    panicked_titles,
    unmatched_rules,
    muted_for,
});
fields!(Ignored { own_thread, reentrant, unwanted, field, bad_status, off, failed });
fields!(Suppressed { repeat, storm, mute, threshold, same_cause, cancelled });
fields!(Refused { full, closed, forked });
fields!(Lost { rejected, redirect, poison, expired, shutdown, failed });
fields!(EndpointHealth { name, state });

/// With its answer in words first, for whoever reads no further.
impl Serialize for Health {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { last_accepted, oldest_pending, worker, endpoints } = self;
        let mut out = serializer.serialize_struct("Health", 6)?;
        out.serialize_field("good", &self.is_good())?;
        out.serialize_field("says", &self.to_string())?;
        out.serialize_field("last_accepted", &last_accepted.written())?;
        out.serialize_field("oldest_pending", &oldest_pending.written())?;
        out.serialize_field("worker", worker)?;
        out.serialize_field("endpoints", endpoints)?;
        out.end()
    }
}

impl Serialize for WorkerState {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(match self {
            Self::Off => "off",
            Self::Runs => "runs",
            Self::Degraded => "degraded",
            Self::Ended => "ended",
        })
    }
}

impl Serialize for EndpointState {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(match self {
            Self::Works => "works",
            Self::Fails => "fails",
            Self::Refuses => "refuses",
        })
    }
}
