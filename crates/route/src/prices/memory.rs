//! Memory that much is looked for in, at random.

/// Told of memory that has been reserved and not been written to: where it begins, and how many bytes it has.
///
/// A table of prices takes hundreds of megabytes, of which a look-up touches a few lines anywhere. In pages of 4 kB the processor knows
/// by heart where a hundredth of them lie; to find out about the others takes as long as reading them, and several times as long in a
/// virtual machine. Who may make system calls can ask for larger pages here: `madvise(2)` with `MADV_HUGEPAGE`.
pub type Advise<'a> = &'a dyn Fn(*const u8, usize);

/// Reserves memory for so many of something, most of which may never be written to: that is not taken from the system then.
pub(super) fn reserve<T>(count: usize, advise: Advise<'_>) -> Vec<T> {
    let reserved: Vec<T> = Vec::with_capacity(count);
    advise(reserved.as_ptr().cast(), reserved.capacity() * size_of::<T>());
    reserved
}
