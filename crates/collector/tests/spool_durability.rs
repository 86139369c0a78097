//! The spool against kill -9, torn files, flipped bits and full disks.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    unreachable_pub,
    dead_code
)]

mod spooling;

use std::{
    env, fs,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use grafolean_collector::{
    model::AccountId,
    report::Report,
    spool::{
        Content, Lane, Letters, Limits, ReasonKind, Settlement, Spool, SpoolError, SpoolFile, TakeRequest,
    },
};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use spooling::{HandClock, Place, all_of, numbers, open_at, report, take_all, waiting};

/// Set for a process that a test starts: the spool it is to use.
const CHILD: &str = "GRAFOLEAN_SPOOL_OF_CHILD";

#[test]
fn what_was_acknowledged_survives_kill_9() {
    let place = Place::new();
    let mut acknowledged = Vec::new();
    for round in 0..20_u32 {
        let mut child = start_child("child_accepts_until_it_is_killed", &place.path(), round);
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        // The harness prints lines of its own.
        let mut numbers =
            lines.map_while(Result::ok).filter_map(|line| line.strip_prefix("kept ")?.parse::<usize>().ok());
        let until = usize::try_from((round * 37) % 101 + 1).unwrap();
        acknowledged.extend(numbers.by_ref().take(until));
        child.kill().unwrap();
        // What was acknowledged before the signal came counts too.
        acknowledged.extend(numbers);
        child.wait().unwrap();
    }
    assert!(acknowledged.len() > 500, "{}", acknowledged.len());
    let kept: std::collections::HashSet<_> =
        block_on(async { waiting(&place.open().await).await }).into_iter().collect();
    let lost: Vec<_> = acknowledged.iter().filter(|number| !kept.contains(number)).collect();
    assert!(lost.is_empty(), "lost {lost:?} of {}", acknowledged.len());
}

#[test]
fn child_accepts_until_it_is_killed() {
    let Ok(text) = env::var(CHILD) else { return };
    let (round, path) = text.split_once(' ').unwrap();
    let first = round.parse::<usize>().unwrap() * 1_000_000;
    block_on(async {
        let spool = open_at(Path::new(path), Limits::default(), HandClock::new()).await;
        let producers = (0..4).map(|producer| {
            let spool = spool.clone();
            tokio::spawn(async move {
                for count in 0..200_000 {
                    let number = first + producer * 200_000 + count;
                    spool.accept(&[report(1, number, 3)]).await.unwrap();
                    writeln!(std::io::stdout().lock(), "kept {number}").unwrap();
                }
            })
        });
        for producer in producers.collect::<Vec<_>>() {
            producer.await.unwrap();
        }
    });
}

#[test]
fn a_log_cut_at_any_byte_yields_a_prefix() {
    let place = Place::new();
    let (file, log) = block_on(async {
        let spool = place.open().await;
        for number in 0..30 {
            spool.accept(&[report(1, number, 5)]).await.unwrap();
        }
        (fs::read(place.path()).unwrap(), fs::read(log_of(&place.path())).unwrap())
    });
    // A frame is a header of 24 bytes and a page, after 32 bytes of the log's own.
    let frames = (0..).map(|frame| 32 + frame * (24 + 4_096)).take_while(|end| *end < log.len());
    let around = frames.flat_map(|end| [end - 1, end, end + 1]);
    let scattered = (0..30).map(|step: usize| step * 7_919 % log.len());
    let mut cuts: Vec<_> = around.chain(scattered).chain([0, log.len()]).collect();
    cuts.sort_unstable();
    let mut kept_before = 0;
    for cut in cuts {
        let copy = Place::new();
        fs::create_dir_all(copy.path().parent().unwrap()).unwrap();
        fs::write(copy.path(), &file).unwrap();
        fs::write(log_of(&copy.path()), &log[..cut]).unwrap();
        let kept = block_on(async { waiting(&copy.open().await).await });
        assert_eq!(kept, (0..kept.len()).collect::<Vec<_>>(), "cut at {cut}");
        assert!(kept.len() >= kept_before, "cut at {cut}");
        kept_before = kept.len();
    }
    assert_eq!(kept_before, 30);
}

#[test]
fn a_file_cut_anywhere_is_set_aside_and_what_can_be_read_goes_on() {
    let place = Place::new();
    let count = 400;
    let file = block_on(async { closed_file(&place, count).await });
    for step in 1..20 {
        let cut = file.len() * step / 20 + step;
        let copy = Place::new();
        fs::create_dir_all(copy.path().parent().unwrap()).unwrap();
        fs::write(copy.path(), &file[..cut]).unwrap();
        block_on(async {
            let spool = copy.open().await;
            let kept = waiting(&spool).await;
            assert!(kept.iter().all(|number| *number < count), "cut at {cut}");
            spool.accept(&[report(1, count, 1)]).await.unwrap();
            assert!(waiting(&spool).await.contains(&count), "cut at {cut}");
        });
    }
}

#[test]
fn a_broken_page_costs_only_what_stood_on_it() {
    let place = Place::new();
    let count = 2_000;
    let mut file = block_on(async { closed_file(&place, count).await });
    let pages = file.len() / 4_096;
    file[4_096 * (pages / 2)..4_096 * (pages / 2 + 1)].fill(0xA5);
    fs::write(place.path(), &file).unwrap();
    let kept = block_on(async { waiting(&place.open().await).await });
    assert!(kept.len() > count / 2 && kept.is_sorted(), "{} of {count}", kept.len());
    let aside = set_aside(&place);
    assert_eq!(aside.len(), 1, "{aside:?}");
}

/// The rows of [`closed_file`] that fit on a page.
const ROWS_A_PAGE: usize = 15;

#[test]
fn a_file_cut_by_some_pages_loses_what_stood_on_them_and_nothing_else() {
    let place = Place::new();
    let count = 560;
    let file = block_on(async { closed_file(&place, count).await });
    for pages in [1, 2, 5] {
        let copy = Place::new();
        fs::create_dir_all(copy.path().parent().unwrap()).unwrap();
        fs::write(copy.path(), &file[..file.len() - pages * 4_096]).unwrap();
        let kept = block_on(async { waiting(&copy.open().await).await });
        assert!(count - kept.len() <= pages * ROWS_A_PAGE, "{} of {count} without {pages} pages", kept.len());
        assert!(kept.is_sorted() && set_aside(&copy).len() == 1);
    }
}

#[test]
fn any_broken_page_costs_only_the_rows_on_it_also_the_first_and_those_above_the_leaves() {
    let place = Place::new();
    let count = 300;
    let file = block_on(async { closed_file(&place, count).await });
    for page in 0..file.len() / 4_096 {
        let copy = Place::new();
        fs::create_dir_all(copy.path().parent().unwrap()).unwrap();
        let mut broken = file.clone();
        broken[4_096 * page..4_096 * (page + 1)].fill(0xA5);
        fs::write(copy.path(), &broken).unwrap();
        let kept = block_on(async { waiting(&copy.open().await).await });
        assert!(count - kept.len() <= ROWS_A_PAGE, "{} of {count} without page {page}", kept.len());
    }
}

#[test]
fn a_flipped_bit_in_the_log_costs_what_it_touches_and_is_reported() {
    let place = Place::new();
    let count = 40;
    let (file, log) = block_on(async {
        let spool = place.open().await;
        for number in 0..count {
            spool.accept(&[report(1, number, 10)]).await.unwrap();
        }
        (fs::read(place.path()).unwrap(), fs::read(log_of(&place.path())).unwrap())
    });
    let frame_headers =
        (0..log.len() / 4_120).flat_map(|frame| (0..24).map(move |byte| 32 + frame * 4_120 + byte));
    let scattered = (0..60).map(|step: usize| step * 104_729 % log.len());
    for place_of_bit in (0..32).chain(frame_headers.step_by(37)).chain(scattered).chain([log.len() - 1]) {
        let copy = Place::new();
        fs::create_dir_all(copy.path().parent().unwrap()).unwrap();
        fs::write(copy.path(), &file).unwrap();
        let mut flipped = log.clone();
        flipped[place_of_bit] ^= 1 << (place_of_bit % 8);
        fs::write(log_of(&copy.path()), &flipped).unwrap();
        // A look from outside would have SQLite drop what follows the bit.
        let looked = SpoolFile::open(copy.path());
        assert!(matches!(looked, Err(SpoolError::DamagedLog { .. })), "bit at {place_of_bit}");
        let kept = block_on(async { waiting(&copy.open().await).await });
        assert!(kept.len() + 1 >= count && kept.is_sorted(), "bit at {place_of_bit}: {kept:?}");
        assert_eq!(set_aside(&copy).len(), 1, "bit at {place_of_bit}");
    }
    // Whole, it is read by SQLite, and nothing is set aside.
    assert_eq!(block_on(async { waiting(&place.open().await).await }).len(), count);
    assert!(set_aside(&place).is_empty());
}

#[test]
fn a_file_that_is_gone_or_emptied_beside_its_log_loses_nothing_that_the_log_holds() {
    let place = Place::new();
    let count = 40;
    let log = block_on(async {
        let spool = place.open().await;
        for number in 0..count {
            spool.accept(&[report(1, number, 10)]).await.unwrap();
        }
        fs::read(log_of(&place.path())).unwrap()
    });
    for is_gone in [false, true] {
        let copy = Place::new();
        fs::create_dir_all(copy.path().parent().unwrap()).unwrap();
        if !is_gone {
            fs::write(copy.path(), b"").unwrap();
        }
        fs::write(log_of(&copy.path()), &log).unwrap();
        let looked = SpoolFile::open(copy.path());
        assert!(matches!(looked, Err(SpoolError::Emptied { .. })), "gone: {is_gone}");
        let kept = block_on(async { waiting(&copy.open().await).await });
        assert_eq!((kept.len(), set_aside(&copy).len()), (count, 1), "gone: {is_gone}");
        // The next start is an ordinary one.
        assert_eq!(block_on(async { waiting(&copy.open().await).await }).len(), count);
    }
}

#[test]
fn a_row_that_names_another_account_or_lane_is_sent_to_nobody() {
    for change in ["account = 2", "lane = 1"] {
        let place = Place::new();
        block_on(async { closed_file(&place, 5).await });
        let raw = rusqlite::Connection::open(place.path()).unwrap();
        raw.execute(&format!("UPDATE entry SET {change} WHERE id = 3"), []).unwrap();
        drop(raw);
        block_on(async {
            let spool = place.open().await;
            let entities = spool.take(all_of(Lane::Entities)).await.unwrap();
            assert!(entities.is_none_or(|batch| batch.entries.is_empty()));
            let request = TakeRequest { after: Some(AccountId::new(1)), ..all_of(Lane::Values) };
            let other = spool.take(request).await.unwrap();
            assert!(other.is_none_or(|batch| batch.account == AccountId::new(1)));
            spool.look().await.unwrap();
            assert_eq!(waiting(&spool).await, [0, 1, 3, 4]);
            assert_eq!(spool.statistics().dead_letters, 1, "{change}");
        });
    }
}

#[test]
fn a_file_that_is_no_database_is_kept_under_another_name() {
    let place = Place::new();
    fs::create_dir_all(place.path().parent().unwrap()).unwrap();
    fs::write(place.path(), "this is not the file you are looking for".repeat(200)).unwrap();
    block_on(async {
        let spool = place.open().await;
        spool.accept(&[report(1, 1, 1)]).await.unwrap();
        assert_eq!(waiting(&spool).await, [1]);
    });
    let aside = set_aside(&place);
    assert_eq!(aside.len(), 1, "{aside:?}");
    assert!(fs::read_to_string(&aside[0]).unwrap().starts_with("this is not the file"));
    // The next start is an ordinary one.
    assert_eq!(block_on(async { waiting(&place.open().await).await }), [1]);
    assert_eq!(set_aside(&place).len(), 1);
}

#[test]
fn a_flipped_bit_makes_one_dead_letter_and_the_rest_goes_on() {
    let place = Place::new();
    block_on(async { closed_file(&place, 10).await });
    let raw = rusqlite::Connection::open(place.path()).unwrap();
    let mut payload: Vec<u8> =
        raw.query_row("SELECT payload FROM entry WHERE id = 4", [], |row| row.get(0)).unwrap();
    payload[30] ^= 0x10;
    raw.execute("UPDATE entry SET payload = ?1 WHERE id = 4", [&payload]).unwrap();
    drop(raw);
    block_on(async {
        let spool = place.open().await;
        assert_eq!(waiting(&spool).await, [0, 1, 2, 4, 5, 6, 7, 8, 9]);
        spool.look().await.unwrap();
        assert_eq!((spool.statistics().queue.reports, spool.statistics().dead_letters), (9, 1));
    });
    let file = SpoolFile::open(place.path()).unwrap();
    let letter = &file.dead_letters(Letters::All, None, 10).unwrap()[0];
    assert_eq!(letter.kind, ReasonKind::Unreadable);
    assert!(letter.reason.starts_with("entry 4 can't be read: the checksum of "), "{}", letter.reason);
    let Content::Unreadable(bytes, _) = &letter.content else { panic!("{:?}", letter.content) };
    assert_eq!(*bytes, payload);
    assert!(matches!(file.retry(letter.id), Err(SpoolError::Unreadable { .. })));
}

#[test]
fn a_full_disk_stops_nothing_and_is_recovered_from() {
    let place = Place::new();
    let output = start_child("child_meets_a_full_disk", &place.path(), 0).wait_with_output().unwrap();
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(String::from_utf8_lossy(&output.stdout).contains("recovered"));
}

#[test]
fn child_meets_a_full_disk() {
    let Ok(text) = env::var(CHILD) else { return };
    let path = PathBuf::from(text.split_once(' ').unwrap().1);
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let clock = HandClock::new();
        let limits = Limits { memory_bytes: 40_000, ..Limits::default() };
        let spool = open_at(&path, limits, clock.clone()).await;
        let (_, hard) = getrlimit(Resource::RLIMIT_FSIZE).unwrap();
        setrlimit(Resource::RLIMIT_FSIZE, 400_000, hard).unwrap();

        // It is filled until it refuses.
        let mut on_disk = 0;
        let error = loop {
            match spool.accept(&[report(1, on_disk, 10)]).await {
                Ok(()) => on_disk += 1,
                Err(error) => break error,
            }
            assert!(on_disk < 10_000, "the limit does not bite");
        };
        assert!(matches!(error, SpoolError::Held { held: 1, .. }), "{error}");
        let state = spool.statistics();
        assert!(state.trouble.is_some() && state.held.reports == 1, "{state:?}");

        // Measuring goes on, in memory; so does delivery.
        for number in on_disk + 1..on_disk + 500 {
            let answer = spool.accept(&[report(1, number, 10)]).await;
            assert!(matches!(answer, Err(SpoolError::Held { .. })));
        }
        let state = spool.statistics();
        assert!(state.held.bytes <= 40_000 && state.held.reports > 50, "{state:?}");
        let held = usize::try_from(state.held.reports).unwrap();
        let entries = take_all(&spool).await.unwrap().entries;
        let expected: Vec<_> = (0..on_disk).chain(on_disk + 500 - held..on_disk + 500).collect();
        assert_eq!(numbers(&entries), expected);
        let delivered = [entries[0].id, entries[1].id, entries[on_disk].id];
        spool.settle(Settlement { retired: delivered.to_vec(), rejected: vec![] }).await.unwrap();
        let left: Vec<_> =
            expected.iter().copied().filter(|number| ![0, 1, expected[on_disk]].contains(number)).collect();
        assert_eq!(waiting(&spool).await, left);

        // There is room again.
        setrlimit(Resource::RLIMIT_FSIZE, hard, hard).unwrap();
        clock.pass(Duration::from_mins(1)).await;
        spool.look().await.unwrap();
        let state = spool.statistics();
        assert!(state.trouble.is_none() && state.held.reports == 0, "{state:?}");
        assert_eq!(waiting(&spool).await, left);
        spool.close().await.unwrap();
        assert_eq!(waiting(&open_at(&path, limits, clock).await).await, left);
        writeln!(std::io::stdout().lock(), "recovered").unwrap();
    });
}

/// Starts one of the tests above in a process of its own, which ignores the signal of a file that is too large.
fn start_child(test: &str, spool: &Path, round: u32) -> Child {
    Command::new("sh")
        .args(["-c", "trap '' XFSZ; exec \"$0\" --exact \"$1\" --nocapture"])
        .arg(env::current_exe().unwrap())
        .arg(test)
        .env(CHILD, format!("{round} {}", spool.display()))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}

async fn closed_file(place: &Place, count: usize) -> Vec<u8> {
    let spool: Spool = place.open().await;
    let reports: Vec<Report> = (0..count).map(|number| report(1, number, 10)).collect();
    spool.accept(&reports).await.unwrap();
    spool.close().await.unwrap();
    fs::read(place.path()).unwrap()
}

fn log_of(path: &Path) -> PathBuf {
    PathBuf::from(format!("{}-wal", path.display()))
}

/// The files that were set aside, without their logs.
fn set_aside(place: &Place) -> Vec<PathBuf> {
    let folder = place.path().parent().unwrap().to_owned();
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let is_aside = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        name.starts_with("spool.sqlite.corrupt-") && !name.ends_with("-wal") && !name.ends_with("-shm")
    };
    names.filter(is_aside).collect()
}
