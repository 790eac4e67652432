//! Numbers for people.

/// `9.4 MB`, `256.0 KB`, `12 B`: decimal units, one digit.
pub(crate) fn bytes(count: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "KB")];
    for (size, unit) in UNITS {
        if count >= size {
            let tenths = (u128::from(count) * 10 + u128::from(size) / 2) / u128::from(size);
            return format!("{}.{} {unit}", tenths / 10, tenths % 10);
        }
    }
    format!("{count} B")
}

/// `1.250 s` of CPU as `1.3 s`; longer times in minutes and hours.
pub(crate) fn milliseconds(count: u64) -> String {
    match count {
        0..1_000 => format!("{count} ms"),
        1_000..60_000 => format!("{}.{} s", count / 1000, count % 1000 / 100),
        60_000..3_600_000 => format!("{} min {} s", count / 60_000, count % 60_000 / 1000),
        _ => format!("{} h {} min", count / 3_600_000, count % 3_600_000 / 60_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_times_read_as_people_say_them() {
        let sizes = [
            (0, "0 B"),
            (999, "999 B"),
            (1_000, "1.0 KB"),
            (9_440_000, "9.4 MB"),
            (u64::MAX, "18446744073.7 GB"),
        ];
        for (count, text) in sizes {
            assert_eq!(bytes(count), text);
        }
        let times = [
            (0, "0 ms"),
            (1_250, "1.2 s"),
            (61_000, "1 min 1 s"),
            (3_660_000, "1 h 1 min"),
        ];
        for (count, text) in times {
            assert_eq!(milliseconds(count), text);
        }
    }
}
