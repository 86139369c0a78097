//! Where the hub answers other than the recorded backend, and why.

use std::ops::RangeInclusive;

use super::recording::Exchange;

/// How an exchange is to be compared.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Comparison {
    /// As it was recorded.
    Alike,
    /// Refused as it was recorded, in the hub's own words.
    RefusedInOurWords,
    /// By this status, and why.
    Better(u16, &'static str),
    /// Not at all.
    LeftOut(&'static str),
}

/// Exchanges of the recording of requests made by hand, by their numbers: the status here, and why.
const BETTER: [(RangeInclusive<usize>, u16, &str); 31] = [
    (0..=0, 200, "a hub needs no migration once it is open"),
    (1..=2, 401, "so a token is unknown, where the other has no tables yet"),
    (16..=16, 401, "a token with a line feed is no token"),
    (54..=54, 405, "the other fails at a method it does not know"),
    (65..=65, 400, "an unknown parent is the request's fault"),
    (67..=67, 204, "an entity whose bot was deleted can be put back as it was read"),
    (68..=69, 400, "an empty id is the request's fault"),
    (75..=75, 204, "no interval is as good as null"),
    (76..=76, 400, "an interval of 0 is refused"),
    (77..=77, 200, "so the entity still has the one before"),
    (78..=78, 400, "a negative interval is refused"),
    (79..=79, 200, "so the entity still has the one before"),
    (80..=80, 400, "a sensor that stands twice is the request's fault"),
    (81..=81, 200, "of a refused change nothing is done, there a half of it"),
    (88..=88, 204, "a value in the query needs no body"),
    (93..=96, 400, "a body of another form is the request's fault"),
    (97..=97, 400, "refused alike, with the number of the value"),
    (101..=102, 400, "a value without path or number is the request's fault"),
    (160..=160, 400, "a path is at most 200 characters long, as documented there"),
    (165..=165, 400, "a path is at most 200 characters long, as documented there"),
    (166..=167, 400, "a path that is no text is the request's fault"),
    (174..=178, 400, "no path is broken by a number that is none"),
    (180..=181, 400, "truth is no number"),
    (186..=186, 400, "digits are not parted"),
    (189..=193, 400, "no path is broken by a number that is none"),
    (196..=197, 400, "two values at one time are the request's fault"),
    (202..=208, 404, "a path that is not there, where the other fails"),
    (210..=210, 400, "a value without its time is the request's fault"),
    (220..=220, 400, "milliseconds are the request's fault"),
    (228..=237, 400, "two values at one time are the request's fault"),
    (254..=255, 200, "no number broke the path"),
];

/// Within the ranges above, but answered alike.
const ALIKE: [usize; 7] = [229, 231, 232, 233, 234, 235, 236];

/// What they ask for was brought by requests that were not recorded whole.
const BROUGHT_UNRECORDED: [usize; 2] = [205, 207];

pub(crate) fn comparison(name: &str, index: usize, exchange: &Exchange) -> Comparison {
    if exchange.asked_is_cut() {
        return Comparison::LeftOut("the request was not recorded whole");
    }
    if exchange.status.is_none() {
        return Comparison::LeftOut("no answer came");
    }
    if exchange.label.starts_with("mqttplug") {
        return Comparison::LeftOut("the hub announces nothing over MQTT");
    }
    if name != "manual" {
        return Comparison::Alike;
    }
    if (292..=301).contains(&index) {
        return Comparison::LeftOut("its database was down");
    }
    if BROUGHT_UNRECORDED.contains(&index) {
        return Comparison::LeftOut("it asks for what was not recorded whole");
    }
    let better = BETTER.iter().find(|(numbers, ..)| numbers.contains(&index) && !ALIKE.contains(&index));
    match better {
        Some(&(_, status, why)) => Comparison::Better(status, why),
        None if exchange.status == Some(400) && exchange.path.contains("/values") => {
            Comparison::RefusedInOurWords
        }
        None => Comparison::Alike,
    }
}
