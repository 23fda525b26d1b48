//! Checksums that are made right again behind a change, so that what lies behind them is met.

/// Makes the checksum of a block of the first data file right (flaim-format.md 2).
pub fn reseal_block(block: &mut [u8]) {
    let end = usize::from(u16::from_le_bytes([block[14], block[15]])).min(block.len());
    let step = if block[30] != 0 && end >= 32 { 16 } else { 4 };
    let covered = end.next_multiple_of(step).min(block.len());
    // The low byte of every address in file 1 is 1.
    let (mut sum, mut xor) = (1u8, 1u8);
    for (offset, byte) in block.iter().enumerate().take(covered).skip(1) {
        if offset != 31 {
            sum = sum.wrapping_add(*byte);
            xor ^= *byte;
        }
    }
    (block[0], block[31]) = (xor, sum);
}

/// The same for the block at `start` of a file whose blocks have 4096 bytes.
pub fn repair_checksum(data: &mut [u8], start: usize) {
    reseal_block(&mut data[start..start + 4096]);
}
