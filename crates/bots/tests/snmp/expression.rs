//! Expressions: what users have written keeps its meaning, and nothing they write can hurt.

use grafolean_bots::snmp::{Expression, Fault};
use proptest::prelude::*;

/// `$1` to `$3`, and `$10`.
const VALUES: [f64; 10] = [10.0, 20.0, 4.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 7.0];

fn evaluate(text: &str) -> Option<f64> {
    let compiled = Expression::compile(text, VALUES.len()).unwrap_or_else(|error| panic!("{error}"));
    compiled.evaluate(&VALUES)
}

fn check(cases: &[(&str, f64)]) {
    for (text, expected) in cases {
        assert_eq!(evaluate(text), Some(*expected), "{text}");
    }
}

#[test]
fn operators_bind_as_existing_sensors_expect() {
    check(&[
        ("", 0.0),
        ("  ", 0.0),
        ("()", 0.0),
        ("1 + ()", 1.0),
        ("2^3^2", 64.0),
        ("2 ^ 0.5 ^ 2", 2.0000000000000004),
        ("$1*8/1000000", 7.999999999999999e-5),
        ("2 * 5 % 3 / 2", 2.0),
        ("8 / 10 % 4", 4.0),
        ("7 % 4 ^ 2", 7.0),
        ("10 - 2 - 3 + 1", 6.0),
        ("2 - 3 * 4 / 2 + 1", -3.0),
        ("2 * 3 > 5", 0.0),
        ("(2 * 3) > 5", 1.0),
        ("2 + 3 = 5", 2.0),
        ("1 < 2 < 3", 1.0),
        ("$1 / 0", 0.0),
        ("0 / 0", 0.0),
        ("div(1, 0)", 0.0),
        ("$1 $2 + 1", 21.0),
        ("2(3)", 3.0),
        ("2 pi", std::f64::consts::PI),
        ("0 ? 2 : 3 + 10", 13.0),
        ("1 + 1 ? 2 : 3", 2.0),
        ("0 ? 1 : 0 ? 2 : 3", 3.0),
    ]);
}

#[test]
fn what_mathjs_knows_beyond_that_has_its_usual_meaning() {
    check(&[
        ("-$1 + 5", -5.0),
        ("5 * -$1", -50.0),
        ("2 - -3", 5.0),
        ("--3", 3.0),
        ("-2^2", -4.0),
        ("2^-1", 0.5),
        ("-$1 > 5", 0.0),
        ("abs(-3)", 3.0),
        ("1.5e-3 * $1", 0.015),
        ("1e+3", 1000.0),
        ("1 > 0 ? 0 > 1 ? 1 : 2 : 3", 2.0),
        ("1 != 2", 1.0),
        ("1 > 0 and 2 > 1", 1.0),
        ("0 or 0 xor 1", 1.0),
        ("not(0)", 1.0),
        ("7 mod 4", 3.0),
        ("mod(7, 4)", 3.0),
        ("max(3)", 3.0),
        ("mean(1, 2, 6)", 3.0),
        ("sum(1, 2, 3)", 6.0),
        ("true ? 1 : 2", 1.0),
    ]);
}

#[test]
fn rounding_is_that_of_the_decimal_and_halves_go_to_the_even_one() {
    check(&[
        ("round(2.5)", 2.0),
        ("round(3.5)", 4.0),
        ("round(0 - 2.5)", -2.0),
        ("round(2.675, 2)", 2.67),
        ("round(1.005, 2)", 1.0),
        ("round(1234.5678, 1)", 1234.6),
        ("round($1 / 3, $3)", 3.3333),
        ("round(1e300, 2)", 1e300),
        ("round(1250, -2)", 1200.0),
        ("round(1.5, 400)", 1.5),
    ]);
}

#[test]
fn what_is_no_number_is_no_result() {
    for text in ["log(0)", "10 ^ 400", "sqrt(0 - 1)", "(0 - 8) ^ (1 / 3)", "7 % 0", "0 ^ -1"] {
        assert_eq!(evaluate(text), None, "{text}");
    }
    assert_eq!(Expression::compile("$2", 2).unwrap().evaluate(&[1.0]), None);
    assert_eq!(Expression::compile("$1", 1).unwrap().evaluate(&[f64::NAN]), None);
}

#[test]
fn what_is_refused_is_named_with_its_place() {
    for (text, position, said) in [
        ("$1 +", 5, "a value is missing here"),
        ("$1 + $3", 6, "$3 is not among the sensor's values, $1 to $2"),
        ("$0", 1, "$0 is not among"),
        ("$", 1, "followed by the number of a value"),
        ("1 + foo(2)", 5, "nothing is called \"foo\""),
        ("round(1, 2, 3)", 1, "round takes 1 or 2 arguments, 3 are given"),
        ("max()", 1, "max takes 1 or more arguments, 0 are given"),
        ("(1 + 2", 7, "a closing parenthesis is missing here"),
        ("1)", 2, "the expression should have ended here"),
        ("sqrt 4", 6, "an opening parenthesis is missing here"),
        ("1 ? 2", 6, "a colon is missing here"),
        ("1.2.3", 1, "this is not a number: expected one like 12, 0.5 or 1e3"),
        ("2e", 1, "this is not a number: expected one like 12, 0.5 or 1e3"),
        ("1 & 2", 3, "'&' means nothing"),
        ("ä", 1, "'ä' means nothing"),
        ("ää", 1, "means nothing"),
        ("1 ** 2", 4, "a value is missing here"),
    ] {
        let error = Expression::compile(text, 2).unwrap_err();
        assert_eq!(error.position, position, "{text}: {error}");
        assert!(error.to_string().contains(said), "{text}: {error}");
    }
}

#[test]
fn hostile_texts_are_refused_before_they_cost_anything() {
    let nested = format!("{}1{}", "(".repeat(2_000), ")".repeat(2_000));
    let right = format!("{}1{}", "1+(".repeat(60), ")".repeat(60));
    for text in [nested, "-".repeat(4_000), "1?".repeat(2_000), right] {
        let error = Expression::compile(&text, 1).unwrap_err();
        assert!(matches!(error.fault, Fault::Depth(_)), "{error}");
    }
    let error = Expression::compile(&"1+".repeat(100_000), 1).unwrap_err();
    assert_eq!(error.fault, Fault::Length);
    assert!(error.to_string().len() < 300, "{error}");
    let wide = format!("max({}1)", "1,".repeat(2_000));
    assert_eq!(Expression::compile(&wide, 1).unwrap().evaluate(&[]), Some(1.0));
}

#[test]
fn an_expression_knows_which_values_it_reads() {
    let expression = Expression::compile("$2 * 8", 3).unwrap();
    assert!(expression.reads(2) && !expression.reads(1) && !expression.reads(3));
}

#[test]
#[allow(clippy::print_stderr, reason = "a test that finds no data says so")]
fn the_recorded_expressions_of_the_established_bot_come_out_alike() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/contract/expressions.json");
    let Ok(text) = std::fs::read_to_string(path) else {
        eprintln!("skipped: no {path}");
        return;
    };
    let recorded: serde_json::Value = serde_json::from_str(&text).unwrap();
    let cases = recorded["cases"].as_array().unwrap();
    assert!(cases.len() >= 60);
    for case in cases.iter().filter(|case| case.get("value").is_some()) {
        let text = case["expression"].as_str().unwrap();
        let (result, expected) = (evaluate(text), case["value"].as_f64().unwrap());
        assert_eq!(result, Some(expected), "{text}");
    }
}

proptest! {
    #[test]
    fn any_text_is_compiled_or_refused_within_itself(text in "[$0-9a-z+*/%^()?:,.<>=! -]{0,60}") {
        match Expression::compile(&text, 3) {
            Ok(expression) => prop_assert!(expression.evaluate(&[1.0, 2.0, 3.0]).is_none_or(f64::is_finite)),
            Err(error) => prop_assert!((1..=text.chars().count() + 1).contains(&error.position)),
        }
    }

    #[test]
    fn any_unicode_is_survived(text in "\\PC{0,40}") {
        let _ = Expression::compile(&text, 3);
    }

    #[test]
    fn a_sum_of_products_is_what_it_says(numbers in prop::collection::vec((0u32..1000, 0u32..1000), 1..20)) {
        let text = numbers.iter().map(|(a, b)| format!("{a} * {b}")).collect::<Vec<_>>().join(" + ");
        let expected: f64 = numbers.iter().map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
        prop_assert_eq!(Expression::compile(&text, 0).unwrap().evaluate(&[]), Some(expected));
    }
}
