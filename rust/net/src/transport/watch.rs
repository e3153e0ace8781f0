//! What ends a wait besides the peer and the limits: a signal, or the end of its group.
//!
//! The system ends a wait for a signal that arrives in the middle of it. One that arrives just
//! before, or on another thread, would go unnoticed until the wait is over. So the thread that
//! handles signals waits in slices and looks between them. So does whoever belongs to a group while
//! there is no socket yet that could be shut down.

use std::time::Duration;

use super::group::Group;

/// The longest that a signal, or the end of a group, goes unnoticed.
const SLICE: Duration = Duration::from_millis(50);

/// How signals are heard.
#[derive(Debug, Clone, Copy)]
pub struct Interrupt {
    /// Asked after a signal, and between slices: does a handler want the waiting call to end?
    pub wanted: fn() -> bool,
    /// Whether it is this thread that handles signals.
    pub heard_here: fn() -> bool,
}

/// Why a wait does not go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Called {
    /// A signal's handler asked for the end.
    Off,
    /// The group has ended.
    Back,
}

/// One wait, in slices while there is something to look for.
pub(crate) struct Watch<'a> {
    interrupt: Interrupt,
    group: Option<&'a Group>,
    sliced: bool,
}

impl<'a> Watch<'a> {
    pub(crate) fn new(interrupt: Interrupt, group: Option<&'a Group>) -> Self {
        // Whether there is anything to look for is asked after the first slice: most waits are
        // shorter.
        Self { interrupt, group, sliced: true }
    }

    /// How much to wait at once of what is left; `None` for as long as it takes.
    pub(crate) fn slice(&self, left: Option<Duration>) -> Option<Duration> {
        if !self.sliced {
            return left;
        }
        Some(left.map_or(SLICE, |left| left.min(SLICE)))
    }

    /// After a slice without an event: whether anything is left of the wait that it was taken of.
    pub(crate) fn look(&mut self, left: Option<Duration>) -> Result<bool, Called> {
        let over = left.is_some_and(|left| !self.sliced || left <= SLICE);
        let handled_here = (self.interrupt.heard_here)();
        if handled_here && (self.interrupt.wanted)() {
            return Err(Called::Off);
        }
        self.group_goes_on()?;
        self.sliced = handled_here || self.group.is_some();
        Ok(!over)
    }

    /// After a signal.
    pub(crate) fn signalled(&self) -> Result<(), Called> {
        if (self.interrupt.wanted)() {
            return Err(Called::Off);
        }
        self.group_goes_on()
    }

    fn group_goes_on(&self) -> Result<(), Called> {
        if self.group.is_some_and(Group::is_ended) { Err(Called::Back) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Called, Group, Interrupt, SLICE, Watch};

    const NOWHERE: Interrupt = Interrupt { wanted: || true, heard_here: || false };
    const HERE: Interrupt = Interrupt { wanted: || true, heard_here: || true };
    const QUIET: Interrupt = Interrupt { wanted: || false, heard_here: || true };
    const MINUTE: Option<Duration> = Some(Duration::from_secs(60));

    #[test]
    fn a_thread_without_signals_waits_in_one_piece_after_the_first_slice() {
        let mut watch = Watch::new(NOWHERE, None);
        assert_eq!(watch.slice(MINUTE), Some(SLICE));
        assert_eq!(watch.look(MINUTE), Ok(true));
        assert_eq!(watch.slice(MINUTE), MINUTE);
        assert_eq!(watch.look(MINUTE), Ok(false));
        assert_eq!(watch.slice(None), None);
    }

    #[test]
    fn a_thread_with_signals_looks_between_slices() {
        let mut watch = Watch::new(QUIET, None);
        for _ in 0..3 {
            assert_eq!(watch.slice(None), Some(SLICE));
            assert_eq!(watch.look(None), Ok(true));
        }
        let short = Some(SLICE / 2);
        assert_eq!(watch.slice(short), short);
        assert_eq!(watch.look(short), Ok(false));
        assert_eq!(Watch::new(HERE, None).look(MINUTE), Err(Called::Off));
    }

    #[test]
    fn the_end_of_a_group_is_noticed_on_any_thread() {
        let group = Group::new(1);
        let mut watch = Watch::new(NOWHERE, Some(&group));
        assert_eq!(watch.look(None), Ok(true));
        assert_eq!(watch.slice(None), Some(SLICE));
        group.end();
        assert_eq!(watch.look(None), Err(Called::Back));
    }
}
