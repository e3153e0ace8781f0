//! Which endpoints a caller may reach. Twin: `_pure/server/permission.py`.

/// Whether `name` is one of what `pattern` means: `*` is any text, `?` any one character.
pub(super) fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.as_bytes(), name.as_bytes());
    let (mut at, mut seen) = (0, 0);
    // Where the last star was, and how much of the name it stands for so far.
    let mut star: Option<(usize, usize)> = None;
    while seen < name.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, seen));
                at += 1;
            }
            Some(&wanted) if wanted == b'?' || wanted == name[seen] => {
                at += 1;
                seen += 1;
            }
            _ => {
                let Some((place, stands_for)) = star else { return false };
                star = Some((place, stands_for + 1));
                at = place + 1;
                seen = stands_for + 1;
            }
        }
    }
    pattern[at..].iter().all(|&left| left == b'*')
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn patterns_as_in_a_shell() {
        for (pattern, name) in [
            ("*", ""),
            ("*", "a"),
            ("a*", "a"),
            ("a?c", "abc"),
            ("*b*", "abc"),
            ("*-x-*", "a-x-x-b"),
        ] {
            assert!(matches(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in
            [("", "a"), ("a", ""), ("a", "A"), ("a?", "a"), ("*b", "abc"), ("a*b*c", "acb")]
        {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
    }
}
