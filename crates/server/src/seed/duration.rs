//! Durations as people write them: `400d`, `1d12h`, `90s`.

/// Not a duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a duration such as 400d, 12h, 90m, 30s, 250ms or 1d12h is needed; time only goes forwards")]
pub(crate) struct BadDuration;

/// The units and their milliseconds, from the longest to the shortest.
const UNITS: &[(&str, i64)] =
    &[("w", 604_800_000), ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// Reads whole numbers with units, the longest unit first, each at most once.
pub(crate) fn parse_millis(text: &str) -> Result<i64, BadDuration> {
    if text.is_empty() {
        return Err(BadDuration);
    }
    let (mut rest, mut total, mut from) = (text, 0_i64, 0);
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, tail) = rest.split_at(digits);
        let letters = tail.bytes().take_while(u8::is_ascii_lowercase).count();
        let (unit, tail) = tail.split_at(letters);
        let at = UNITS[from..].iter().position(|(name, _)| *name == unit).ok_or(BadDuration)? + from;
        let number: i64 = number.parse().map_err(|_| BadDuration)?;
        total = number.checked_mul(UNITS[at].1).and_then(|millis| total.checked_add(millis)).ok_or(BadDuration)?;
        (rest, from) = (tail, at + 1);
    }
    Ok(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read() {
        const DAY: i64 = 86_400_000;
        check("400d", Some(400 * DAY));
        check("2w", Some(14 * DAY));
        check("1d12h", Some(DAY + DAY / 2));
        check("1h30m5s7ms", Some(5_405_007));
        check("0s", Some(0));
        check("250ms", Some(250));
        for bad in ["", "d", "400", "-1d", "1.5d", "1D", "1y", "1d1d", "1h1d", "1d 1h", "1é", "99999999999999999999d"]
        {
            check(bad, None);
        }
        check("106751991168d", None);

        #[track_caller]
        fn check(text: &str, millis: Option<i64>) {
            assert_eq!(parse_millis(text).ok(), millis, "{text:?}");
        }
    }
}
