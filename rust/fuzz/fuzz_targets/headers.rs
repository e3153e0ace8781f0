//! What the filter keeps is in order, was there, and passes it once more; or it is refused.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sagewire_core::headers::{Operation, filter_request, filter_response};

const OPERATIONS: [Operation; 3] = [
    Operation::InvokeEndpoint,
    Operation::InvokeEndpointAsync,
    Operation::InvokeEndpointWithResponseStream,
];

fuzz_target!(|headers: Vec<(String, String)>| {
    let pairs = || headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    for operation in OPERATIONS {
        for found in [filter_request(pairs(), operation), filter_response(pairs(), operation)] {
            let Ok(kept) = found else { continue };
            assert!(kept.is_sorted_by(|one, next| one < next));
            assert!(kept.iter().all(|number| *number < headers.len()));
        }
        if let Ok(kept) = filter_request(pairs(), operation) {
            let again = filter_request(
                kept.iter().map(|number| pairs().nth(*number).unwrap_or_default()),
                operation,
            );
            assert_eq!(again.map(|again| again.len()), Ok(kept.len()));
        }
    }
});
