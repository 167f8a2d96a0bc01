use super::{Known, PLACES};
use crate::capture::filter::Concern;
use tracing::{Level, Metadata, callsite, callsite::Callsite, field::FieldSet, metadata::Kind};

/// Metadata at an address of its own.
fn meta() -> &'static Metadata<'static> {
    let one = callsite! { name: "one", kind: Kind::EVENT, fields: message }.metadata();
    let fields = FieldSet::new(&["message"], one.callsite());
    let meta = Metadata::new("x", "shop", Level::ERROR, None, None, None, fields, Kind::EVENT);
    Box::leak(Box::new(meta))
}

#[test]
fn each_is_known_by_itself_and_what_was_noted_last_counts() {
    let known = Known::default();
    let all = [Concern::Level, Concern::Field, Concern::Told, Concern::No];
    let metas = all.map(|concern| (meta(), concern));
    for (meta, concern) in metas {
        assert_eq!(known.get(meta), None);
        known.note(meta, concern);
    }
    for (meta, concern) in metas {
        assert_eq!(known.get(meta), Some(concern));
        known.note(meta, Concern::No);
        assert_eq!(known.get(meta), Some(Concern::No));
    }
}

#[test]
fn more_than_there_is_room_for_are_not_known_and_none_is_taken_for_another() {
    let known = Known::default();
    let metas: Vec<_> = (0..3 * PLACES).map(|_| meta()).collect();
    for (number, meta) in metas.iter().enumerate() {
        known.note(meta, if number % 2 == 0 { Concern::Level } else { Concern::No });
    }
    let mut found = 0;
    for (number, meta) in metas.iter().enumerate() {
        if let Some(concern) = known.get(meta) {
            assert_eq!(concern == Concern::Level, number % 2 == 0);
            found += 1;
        }
    }
    assert!((PLACES / 2..=PLACES).contains(&found), "{found}");
}
