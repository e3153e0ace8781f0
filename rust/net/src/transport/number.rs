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

/// `int(text)`, or `int(text, 16)`; `None` where Python raises, or the number is beyond all use.
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
    let mut after_digit = false;
    for byte in digits {
        if *byte == b'_' && after_digit {
            after_digit = false;
            continue;
        }
        let digit = char::from(*byte).to_digit(radix)?;
        value = value.checked_mul(i64::from(radix))?.checked_add(i64::from(digit))?;
        after_digit = true;
    }
    after_digit.then_some(if negative { -value } else { value })
}
