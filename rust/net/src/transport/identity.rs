//! The ids of calls: random bytes as UUIDs in text.

/// One id of version 4 of RFC 9562 for each 16 bytes of `random`.
pub fn identities(random: &[u8]) -> Vec<String> {
    random.chunks_exact(16).map(identity).collect()
}

fn identity(random: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(36);
    for (place, byte) in random.iter().enumerate() {
        if matches!(place, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        let byte = match place {
            6 => byte & 0x0f | 0x40,
            8 => byte & 0x3f | 0x80,
            _ => *byte,
        };
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::identities;

    #[test]
    fn version_and_variant_stand_where_they_belong() {
        let random: Vec<u8> = (0..40).map(|place| 0xf0 | place).collect();
        assert_eq!(
            identities(&random),
            ["f0f1f2f3-f4f5-46f7-b8f9-fafbfcfdfeff", "f0f1f2f3-f4f5-46f7-b8f9-fafbfcfdfeff"]
        );
        assert_eq!(identities(&[0; 16]), ["00000000-0000-4000-8000-000000000000"]);
        assert!(identities(&[0; 15]).is_empty());
    }
}
