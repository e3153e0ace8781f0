//! Numbers as Python's `int` reads them, because the reader to equal is Python's.

/// White space to `str.split` and `int`, in Latin-1.
pub(crate) fn is_space(byte: u8) -> bool {
    matches!(byte, 0x09..=0x0d | 0x1c..=0x20 | 0x85 | 0xa0)
}

/// `text` without white space around it.
pub(crate) fn trim(mut text: &[u8]) -> &[u8] {
    while let [first, rest @ ..] = text
        && is_space(*first)
    {
        text = rest;
    }
    while let [rest @ .., last] = text
        && is_space(*last)
    {
        text = rest;
    }
    text
}

/// The most decimal digits that Python reads (`sys.int_info.default_max_str_digits`).
const MAX_DECIMAL_DIGITS: usize = 4300;
/// Stands for all numbers that are too large to be of use.
pub(crate) const BEYOND_COUNTING: i64 = i64::MAX;

/// `int(text)`, or `int(text, 16)`, at most [`BEYOND_COUNTING`]; `None` where Python raises.
pub(crate) fn int(text: &[u8], radix: u32) -> Option<i64> {
    let text = trim(text);
    let (negative, mut digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    if radix == 16
        && let [b'0', b'x' | b'X', rest @ ..] = digits
    {
        digits = rest.strip_prefix(b"_").unwrap_or(rest);
    }
    let mut value: i64 = 0;
    let mut count = 0;
    let mut after_digit = false;
    for byte in digits {
        if *byte == b'_' && after_digit {
            after_digit = false;
            continue;
        }
        let digit = char::from(*byte).to_digit(radix)?;
        value = value.saturating_mul(i64::from(radix)).saturating_add(i64::from(digit));
        count += 1;
        after_digit = true;
    }
    let readable = after_digit && (radix != 10 || count <= MAX_DECIMAL_DIGITS);
    readable.then_some(if negative { -value } else { value })
}
