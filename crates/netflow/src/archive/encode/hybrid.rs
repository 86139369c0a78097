//! Small numbers in few bits: runs of one number, and groups of eight packed together.

/// Numbers that are packed together.
const GROUP: usize = 8;

/// Returns how many bits the greatest number needs.
pub(super) fn width_of(greatest: u32) -> u32 {
    u32::BITS - greatest.leading_zeros()
}

/// Appends numbers of so many bits each.
///
/// ```text
/// run     | count * 2       (varint) | number, in whole octets |
/// packed  | groups * 2 + 1  (varint) | groups x width octets, the lowest bit first |
/// ```
/// The last group is filled up with zeros. Source: Apache Parquet, "Encodings", run length encoding / bit-packing hybrid.
pub(super) fn append(numbers: &[u32], width: u32, out: &mut Vec<u8>) {
    let mut rest = numbers;
    while let Some((first, _)) = rest.split_first() {
        let run = run_of(rest, *first);
        if run >= GROUP || run == rest.len() {
            append_run(run, *first, width, out);
            rest = rest.get(run..).unwrap_or_default();
            continue;
        }
        let groups = rest.chunks(GROUP).take_while(|group| !is_run(group)).count();
        let (packed, after) = rest.split_at(rest.len().min(groups * GROUP));
        append_packed(packed, width, out);
        rest = after;
    }
}

/// Appends a run of one number.
pub(super) fn append_run(count: usize, number: u32, width: u32, out: &mut Vec<u8>) {
    append_varint(count << 1, out);
    out.extend(number.to_le_bytes().iter().take(octets(width)));
}

fn is_run(group: &[u32]) -> bool {
    matches!(group, [first, others @ ..] if group.len() == GROUP && others.iter().all(|other| other == first))
}

fn run_of(numbers: &[u32], number: u32) -> usize {
    numbers.iter().take_while(|other| **other == number).count()
}

fn append_packed(numbers: &[u32], width: u32, out: &mut Vec<u8>) {
    let groups = numbers.chunks(GROUP);
    append_varint(groups.len() << 1 | 1, out);
    out.reserve(groups.len() * octets(width * 8));
    for group in groups {
        let halves = group
            .chunks(GROUP / 2)
            .map(|half| half.iter().rev().fold(0_u128, |bits, number| (bits << width) | u128::from(*number)));
        let mut halves = halves.chain([0, 0]);
        let (low, high) = (halves.next().unwrap_or(0), halves.next().unwrap_or(0));
        let half_width = width * 4;
        let lower = low | high.checked_shl(half_width).unwrap_or(0);
        let upper = high.checked_shr(u128::BITS - half_width).unwrap_or(0);
        let octets = lower.to_le_bytes().into_iter().chain(upper.to_le_bytes());
        out.extend(octets.take(usize::try_from(width).unwrap_or(0)));
    }
}

/// Octets that so many bits fill.
fn octets(bits: u32) -> usize {
    usize::try_from(bits.div_ceil(8)).unwrap_or(0)
}

fn append_varint(mut number: usize, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(u8::try_from(number & 0x7F).unwrap_or(0) | 0x80);
        number >>= 7;
    }
    out.push(u8::try_from(number).unwrap_or(0));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Reads what [`append`] wrote, by the format's words alone.
    fn read(mut octets: &[u8], width: u32, count: usize) -> Vec<u32> {
        let mut numbers = Vec::new();
        while numbers.len() < count {
            let (mut header, mut shift) = (0_usize, 0);
            loop {
                let (first, rest) = octets.split_first().unwrap();
                octets = rest;
                header |= usize::from(first & 0x7F) << shift;
                shift += 7;
                if first & 0x80 == 0 {
                    break;
                }
            }
            if header & 1 == 0 {
                let (number, rest) = octets.split_at(super::octets(width));
                octets = rest;
                let number = number.iter().rev().fold(0, |bits, octet| bits << 8 | u32::from(*octet));
                numbers.extend(std::iter::repeat_n(number, header >> 1));
            } else {
                let (packed, rest) = octets.split_at((header >> 1) * width as usize);
                octets = rest;
                let bit = |place: usize| u32::from(packed[place / 8] >> (place % 8) & 1);
                numbers.extend((0..(header >> 1) * 8).map(|number| {
                    (0..width as usize)
                        .rev()
                        .fold(0, |bits, it| bits << 1 | bit(number * width as usize + it))
                }));
            }
        }
        assert!(octets.is_empty(), "{} octets too many", octets.len());
        numbers.truncate(count);
        numbers
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(
            greatest in prop_oneof![0..4_u32, 0..300_u32, 0..200_000_u32, any::<u32>()],
            runs in prop::collection::vec((any::<u32>(), prop_oneof![1..3_usize, 1..40_usize]), 0..40),
        ) {
            let numbers: Vec<u32> = runs
                .into_iter()
                .flat_map(|(number, count)| std::iter::repeat_n(number % greatest.max(1), count))
                .collect();
            let width = width_of(greatest);
            let mut octets = Vec::new();
            append(&numbers, width, &mut octets);
            prop_assert_eq!(read(&octets, width, numbers.len()), numbers);
        }
    }

    #[test]
    fn the_example_of_the_standard_is_written_as_there() {
        let mut octets = Vec::new();
        append(&[0, 1, 2, 3, 4, 5, 6, 7], 3, &mut octets);
        assert_eq!(octets, [0b11, 0b1000_1000, 0b1100_0110, 0b1111_1010]);
        octets.clear();
        append(&[4; 100], 3, &mut octets);
        assert_eq!(octets, [0b1100_1000, 1, 4]);
    }
}
