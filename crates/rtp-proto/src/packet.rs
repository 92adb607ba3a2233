//! A datagram in a buffer with room behind it, so that it can grow in place.

/// A datagram and the rest of the buffer that it lies in: what is added to it (an authentication tag, another payload) needs no copy.
#[derive(Debug)]
pub struct Packet<'a> {
    buffer: &'a mut [u8],
    length: usize,
}

impl<'a> Packet<'a> {
    /// The first `length` bytes of `buffer` (all of it, if it has fewer).
    #[must_use]
    pub fn new(buffer: &'a mut [u8], length: usize) -> Self {
        let length = length.min(buffer.len());
        Self { buffer, length }
    }

    /// The datagram.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.buffer.get(..self.length).unwrap_or_default()
    }

    /// The datagram, to be changed in place.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        self.buffer.get_mut(..self.length).unwrap_or_default()
    }

    /// The whole buffer: the datagram and the room behind it.
    pub fn buffer_mut(&mut self) -> &mut [u8] {
        self.buffer
    }

    /// Bytes of the datagram.
    #[must_use]
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether the datagram has no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// How long it may become.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.buffer.len()
    }

    /// Makes the datagram longer (what lies there becomes part of it) or shorter; not longer than the buffer.
    pub fn set_len(&mut self, length: usize) {
        self.length = length.min(self.buffer.len());
    }

    /// Puts these bytes in the datagram's place. Whether they fit; if not, it is as it was.
    #[must_use]
    pub fn fill(&mut self, bytes: &[u8]) -> bool {
        let Some(place) = self.buffer.get_mut(..bytes.len()) else {
            return false;
        };
        place.copy_from_slice(bytes);
        self.length = bytes.len();
        true
    }

    /// Adds bytes at the end. Whether they fit; if not, it is as it was.
    #[must_use]
    pub fn append(&mut self, bytes: &[u8]) -> bool {
        let end = self.length + bytes.len();
        let Some(place) = self.buffer.get_mut(self.length..end) else {
            return false;
        };
        place.copy_from_slice(bytes);
        self.length = end;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_grows_into_its_buffer_and_no_further() {
        let mut buffer = [0; 6];
        let mut packet = Packet::new(&mut buffer, 99);
        assert_eq!(packet.len(), 6, "no longer than the buffer");
        assert!(packet.fill(&[1, 2]));
        assert!(packet.append(&[3, 4, 5]));
        assert!(!packet.append(&[6, 7]), "does not fit");
        assert_eq!(packet.bytes(), [1, 2, 3, 4, 5]);
        packet.set_len(1);
        packet.bytes_mut()[0] = 9;
        assert_eq!(packet.bytes(), [9]);
        packet.set_len(7);
        assert_eq!((packet.len(), packet.capacity()), (6, 6));
        assert!(!packet.fill(&[0; 7]));
        assert_eq!(packet.bytes(), [9, 2, 3, 4, 5, 0], "as it was");
    }
}
