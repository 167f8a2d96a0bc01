//! Names that lead nowhere, to many places, or to no answer at all. The child has a name server of
//! its own, by a `/etc/resolv.conf` that nobody else sees.
#![cfg(any(feature = "rustls", feature = "native-tls"))]

use std::{
    net::{Ipv4Addr, UdpSocket},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use tracing_spike::Incident;

use super::{first_failure, pages, unshared};
use crate::{
    child::{self, Ended},
    rig::{DEADLINE, eventually},
    tls::{Authority, HOST, OK, Server, pipeline},
};

/// What the name server says.
#[derive(Clone)]
enum Says {
    Nothing,
    /// NXDOMAIN, SERVFAIL.
    Code(u8),
    Addresses(Vec<Ipv4Addr>),
    /// An IPv6 address where nobody listens, and an IPv4 address.
    DeadIpv6(Ipv4Addr),
}

/// Answers a question as told, later.
fn answer(question: &[u8], says: &Says) -> Option<Vec<u8>> {
    let is_ipv6 = question.windows(2).rev().take(16).any(|pair| pair == [0, 28]);
    let (code, records): (u8, Vec<Vec<u8>>) = match says {
        Says::Nothing => return None,
        Says::Code(code) => (*code, Vec::new()),
        Says::DeadIpv6(_) if is_ipv6 => (0, vec![[[0_u8; 15].as_slice(), &[1]].concat()]),
        Says::Addresses(_) if is_ipv6 => (0, Vec::new()),
        Says::Addresses(all) => (0, all.iter().map(|one| one.octets().to_vec()).collect()),
        Says::DeadIpv6(one) => (0, vec![one.octets().to_vec()]),
    };
    // The question as it came, without what follows it (EDNS).
    let end = 12 + question.get(12..)?.iter().position(|byte| *byte == 0)? + 5;
    let mut bytes = question.get(..end)?.to_vec();
    bytes[2..4].copy_from_slice(&[0x81, 0x80 | code]);
    bytes[4..12].copy_from_slice(&[0, 1, 0, 0, 0, 0, 0, 0]);
    bytes[6..8].copy_from_slice(&u16::try_from(records.len()).unwrap().to_be_bytes());
    for record in records {
        let kind = if record.len() == 4 { 1 } else { 28 };
        bytes.extend([0xc0, 12, 0, kind, 0, 1, 0, 0, 0, 9, 0, record.len() as u8]);
        bytes.extend(record);
    }
    Some(bytes)
}

/// Starts the name server that this process asks, and nobody else.
fn serve(says: Says, delay: Duration) {
    // An address that no other such child has.
    let [.., a, b, c] = std::process::id().to_be_bytes();
    let server = Ipv4Addr::new(127, 64 | a, b, c);
    let file = std::env::temp_dir().join(format!("spike-resolv-{}", std::process::id()));
    std::fs::write(&file, format!("nameserver {server}\n")).unwrap();
    let bind = Command::new("mount").arg("--bind").arg(&file).arg("/etc/resolv.conf").status();
    assert!(bind.unwrap().success());
    std::fs::remove_file(file).unwrap();
    let socket = UdpSocket::bind((server, 53)).unwrap();
    thread::spawn(move || {
        let mut question = [0; 512];
        while let Ok((read, from)) = socket.recv_from(&mut question) {
            if let Some(answer) = answer(&question[..read], &says) {
                thread::sleep(delay);
                socket.send_to(&answer, from).unwrap();
            }
        }
    });
}

/// Plays `test` in a process with a name server of its own, one that says this.
fn asking(test: &str, says: Says, delay: Duration, work: impl FnOnce()) {
    if child::is_child(test) {
        serve(says, delay);
        child::run(test, &[], work);
    }
    if let Some(mut command) = unshared("-m") {
        child::run_with(test, &[], &mut command).well();
    }
}

/// Plays `test` in a process whose name server never answers.
pub(crate) fn asking_nobody(
    test: &str,
    variables: &[(&str, &str)],
    work: impl FnOnce(),
) -> Option<Ended> {
    if child::is_child(test) {
        serve(Says::Nothing, Duration::ZERO);
        child::run(test, &[], work);
    }
    unshared("-m").map(|mut command| child::run_with(test, variables, &mut command).well())
}

/// Tries it at most so often, since only our own part of the time can be promised on a busy
/// machine.
fn within(most: Duration, mut wait: impl FnMut() -> Duration) {
    let mut took = Vec::new();
    while took.len() < 5 && took.iter().all(|one| *one > most) {
        took.push(wait());
    }
    assert!(took.iter().any(|one| *one <= most), "{took:?}, expected {most:?}");
}

fn timed(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

fn is_kept() {
    let (_guard, handle) = pages(&format!("https://{HOST}"));
    let stats = first_failure(&handle);
    assert_eq!((stats.pending, stats.undelivered(), stats.tls), (1, 0, 0), "{stats:?}");
}

#[test]
fn f031_a_name_that_is_unknown_is_no_loss() {
    const TEST: &str = "network::names::f031_a_name_that_is_unknown_is_no_loss";
    asking(TEST, Says::Code(3), Duration::ZERO, is_kept);
}

#[test]
fn f031_a_name_server_that_fails_is_no_loss() {
    const TEST: &str = "network::names::f031_a_name_server_that_fails_is_no_loss";
    asking(TEST, Says::Code(2), Duration::ZERO, is_kept);
}

#[test]
fn f031_a_name_server_that_hangs_delays_no_attempt_no_flush_no_drop_and_no_exit() {
    const TEST: &str = "network::names::f031_a_name_server_that_hangs_delays_no_attempt_no_flush_no_drop_and_no_exit";
    let took = timed(|| {
        asking(TEST, Says::Nothing, Duration::ZERO, || {
            let took = timed(is_kept);
            assert!((3..6).contains(&took.as_secs()), "an attempt ends after 3 s: {took:?}");
            let limit = Duration::from_millis(250);
            within(limit, || {
                let (guard, handle) = pages(&format!("https://{HOST}"));
                handle.trigger(Incident::new("disk full")).unwrap();
                let timeout = Duration::from_millis(200);
                let flushed = timed(|| assert_eq!(handle.flush(timeout).pending, 1));
                let dropped = timed(|| drop(guard));
                flushed.max(dropped)
            });
            // Its lookups still hang: by default for 10 s.
        });
    });
    assert!(took < Duration::from_secs(8), "the exit waited: {took:?}");
}

#[test]
fn f031_a_late_answer_is_tried_again_until_it_is_known() {
    const TEST: &str = "network::names::f031_a_late_answer_is_tried_again_until_it_is_known";
    // Later than an attempt may take for a connection.
    let late = Duration::from_secs(4);
    asking(TEST, Says::Addresses(vec![Ipv4Addr::LOCALHOST]), late, is_kept);
}

#[test]
fn f031_of_a_thousand_dead_addresses_not_all_are_tried() {
    const TEST: &str = "network::names::f031_of_a_thousand_dead_addresses_not_all_are_tried";
    let dead = |n: u32| Ipv4Addr::from_bits(u32::from(Ipv4Addr::new(127, 9, 0, 1)) + n);
    let addresses = (0..1000).map(dead).collect();
    asking(TEST, Says::Addresses(addresses), Duration::ZERO, || {
        let took = timed(is_kept);
        assert!(took < Duration::from_secs(6), "{took:?}");
    });
}

#[test]
fn f031_a_dead_ipv6_address_beside_a_live_ipv4_address_is_passed_over() {
    const TEST: &str =
        "network::names::f031_a_dead_ipv6_address_beside_a_live_ipv4_address_is_passed_over";
    asking(TEST, Says::DeadIpv6(Ipv4Addr::LOCALHOST), Duration::ZERO, || {
        let authority = Authority::new();
        let server = Server::with(authority.good(), OK);
        let guard =
            pipeline(HOST, server.port, |builder| builder.root_certificate(&*authority.pem));
        guard.handle().trigger(Incident::new("disk full")).unwrap();
        assert!(guard.handle().flush(DEADLINE).is_complete());
    });
}

#[test]
fn f033_a_lookup_whose_thread_can_not_be_started_is_a_failure_that_passes() {
    const TEST: &str =
        "network::names::f033_a_lookup_whose_thread_can_not_be_started_is_a_failure_that_passes";
    let works = Says::Addresses(vec![Ipv4Addr::LOCALHOST]);
    asking(TEST, works, Duration::ZERO, || {
        let authority = Authority::new();
        let server = Server::with(authority.good(), OK);
        let guard =
            pipeline(HOST, server.port, |builder| builder.root_certificate(&*authority.pem));
        let handle = guard.handle();
        // No room for another stack; for root, too, unlike a limit on threads.
        let limit = |current| {
            use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
            let Rlimit { maximum, .. } = getrlimit(Resource::As);
            setrlimit(Resource::As, Rlimit { current, maximum }).unwrap();
        };
        let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
        let pages: u64 = statm.split(' ').next().unwrap().parse().unwrap();
        limit(Some(pages * 4096 + (1 << 20)));
        handle.trigger(Incident::new("disk full")).unwrap();
        let stats = eventually("an attempt has failed", || {
            Some(handle.stats()).filter(|stats| stats.retries > 0)
        });
        limit(None);
        assert_eq!((stats.pending, stats.undelivered()), (1, 0), "{stats:?}");
        // The worker is alive.
        assert!(handle.flush(DEADLINE).is_complete(), "{:?}", handle.stats());
    });
}
