//! The management messages that bring a restarted image back to where it was. What to keep the image itself says,
//! in the `retain` bits of its answers; the messages are bytes here.

/// The bits of one answer, decoded by the image's own values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Retain {
    pub begin: bool,
    pub hold: bool,
    pub close: bool,
    pub key: u8,
}

#[derive(Debug)]
struct Group {
    key: u8,
    messages: Vec<Vec<u8>>,
}

/// Groups in the order in which they were closed; at most one a key.
#[derive(Debug, Default)]
pub(crate) struct Retained {
    groups: Vec<Group>,
    /// Held back since the last BEGIN.
    pending: Vec<Vec<u8>>,
}

impl Retained {
    /// Acts on the answer to `request`: BEGIN, then HOLD, then CLOSE.
    pub fn note(&mut self, request: &[u8], retain: Retain) {
        if retain.begin {
            self.pending.clear();
        }
        if retain.hold {
            self.pending.push(request.to_vec());
        }
        if retain.close {
            let messages = std::mem::take(&mut self.pending);
            self.groups.retain(|group| group.key != retain.key);
            self.groups.push(Group { key: retain.key, messages });
        }
    }

    /// Forgets what is held back but not closed: the image that staged it is gone.
    pub fn abandon_pending(&mut self) {
        self.pending.clear();
    }

    /// Forgets a whole group; half a table is worth nothing.
    pub fn forget(&mut self, group: usize) {
        self.groups.remove(group);
    }

    /// (group, message), in the order of replay.
    pub fn messages(&self) -> impl Iterator<Item = (usize, &[u8])> {
        self.groups
            .iter()
            .enumerate()
            .flat_map(|(index, group)| group.messages.iter().map(move |message| (index, message.as_slice())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn retain(bits: &str, key: u8) -> Retain {
        Retain { begin: bits.contains('b'), hold: bits.contains('h'), close: bits.contains('c'), key }
    }

    fn noted(steps: &[(&str, &str, u8)]) -> Vec<String> {
        let mut retained = Retained::default();
        for (message, bits, key) in steps {
            retained.note(message.as_bytes(), retain(bits, *key));
        }
        retained.messages().map(|(_, message)| String::from_utf8(message.to_vec()).unwrap()).collect()
    }

    #[test]
    fn a_table_of_one_message_is_kept() {
        assert_eq!(noted(&[("a", "bhc", 1)]), ["a"]);
    }

    #[test]
    fn a_table_without_its_last_chunk_is_not_kept() {
        assert_eq!(noted(&[("a", "bhc", 1), ("b1", "bh", 2), ("b2", "h", 2)]), ["a"]);
    }

    #[test]
    fn a_table_takes_the_place_of_its_predecessor_and_goes_to_the_end() {
        let steps = [("a", "bhc", 1), ("b", "bhc", 2), ("a1", "bh", 1), ("a2", "hc", 1)];
        assert_eq!(noted(&steps), ["b", "a1", "a2"]);
    }

    #[test]
    fn begin_forgets_an_unfinished_table() {
        assert_eq!(noted(&[("a1", "bh", 1), ("b", "bhc", 2)]), ["b"]);
    }

    #[test]
    fn a_command_is_not_kept() {
        assert_eq!(noted(&[("a1", "bh", 1), ("seed", "", 0), ("a2", "hc", 1)]), ["a1", "a2"]);
    }

    #[test]
    fn closing_nothing_empties_the_key() {
        assert_eq!(noted(&[("a", "bhc", 1), ("none", "bc", 1)]), Vec::<String>::new());
    }

    #[test]
    fn a_forgotten_group_goes_whole() {
        let mut retained = Retained::default();
        retained.note(b"a", retain("bhc", 1));
        retained.note(b"b1", retain("bh", 2));
        retained.note(b"b2", retain("hc", 2));
        retained.forget(1);
        assert_eq!(retained.messages().collect::<Vec<_>>(), [(0, &b"a"[..])]);
    }
}
