//! The checksum of RDB files: CRC-64 with Jones' polynomial, reflected, no initial value.

const POLYNOMIAL: u64 = 0x95ac_9329_ac4b_c9b5;

/// `TABLES[i][b]`: the checksum of the byte `b` followed by `i` zero bytes.
static TABLES: [[u64; 256]; 8] = tables();

const fn tables() -> [[u64; 256]; 8] {
    let mut tables = [[0; 256]; 8];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = byte as u64;
        let mut bit = 0;
        while bit < 8 {
            crc = (crc >> 1) ^ if crc & 1 == 1 { POLYNOMIAL } else { 0 };
            bit += 1;
        }
        tables[0][byte] = crc;
        byte += 1;
    }
    let mut i = 1;
    while i < 8 {
        let mut byte = 0;
        while byte < 256 {
            let before = tables[i - 1][byte];
            tables[i][byte] = (before >> 8) ^ tables[0][(before & 0xff) as usize];
            byte += 1;
        }
        i += 1;
    }
    tables
}

/// The checksum of what had the checksum `crc` (0 at first) followed by `bytes`.
#[must_use]
pub fn crc64(mut crc: u64, bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    for word in words {
        let m = (crc ^ u64::from_le_bytes(*word)).to_le_bytes();
        let at = |table: usize, byte: u8| TABLES[table][usize::from(byte)];
        crc = at(7, m[0])
            ^ at(6, m[1])
            ^ at(5, m[2])
            ^ at(4, m[3])
            ^ at(3, m[4])
            ^ at(2, m[5])
            ^ at(1, m[6])
            ^ at(0, m[7]);
    }
    for byte in rest {
        crc = (crc >> 8) ^ TABLES[0][usize::from(crc.to_le_bytes()[0] ^ byte)];
    }
    crc
}

#[cfg(test)]
mod tests {
    use super::crc64;

    #[test]
    fn matches_the_known_value() {
        assert_eq!(crc64(0, b"123456789"), 0xe9c6_d914_c4b8_d9ca);
    }

    #[test]
    fn is_the_same_in_any_split() {
        let bytes: Vec<u8> = (0..100).collect();
        for cut in 0..bytes.len() {
            let (left, right) = bytes.split_at(cut);
            assert_eq!(crc64(crc64(0, left), right), crc64(0, &bytes));
        }
    }
}
