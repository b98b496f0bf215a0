//! Days as people write them: YYYY-MM-DD.

/// A day, in ms.
pub const LENGTH: i64 = 24 * 3600 * 1000;

/// The day's number since 1970-01-01, where the text names one (Hinnant's days_from_civil).
pub fn number(text: &str) -> Option<i64> {
    let parts: Vec<&str> = text.split('-').collect();
    let digits = |part: &str, n| part.len() == n && part.bytes().all(|b| b.is_ascii_digit());
    let [year, month, day] = parts[..] else { return None };
    if !digits(year, 4) || !digits(month, 2) || !digits(day, 2) {
        return None;
    }
    let [year, month, day]: [i64; 3] = [year.parse().ok()?, month.parse().ok()?, day.parse().ok()?];
    let shifted_year = year - i64::from(month <= 2);
    let (era, of_era) = (shifted_year.div_euclid(400), shifted_year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let number = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468;
    // 2030-02-30 would come back as another day.
    (self::text(number * LENGTH) == text).then_some(number)
}

/// When a day is over everywhere on earth, in ms since 1970: at its end in UTC-12, so that no reader's own day is cut short.
pub fn over(number: i64) -> i64 {
    (number + 1) * LENGTH + LENGTH / 2
}

/// The day of a time in ms since 1970, UTC (Hinnant's civil_from_days).
pub fn text(ms: i64) -> String {
    let days = ms.div_euclid(LENGTH) + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let (day, month) =
        (of_year - (153 * shifted + 2) / 5 + 1, if shifted < 10 { shifted + 3 } else { shifted - 9 });
    format!("{:04}-{month:02}-{day:02}", year + era * 400 + i64::from(month <= 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_read_as_they_are_written_and_no_others() {
        assert_eq!(number("1970-01-01"), Some(0));
        assert_eq!(number("2024-02-29"), Some(19_782));
        for ms in [0, 1_900_000_000_000, -LENGTH, 951_782_400_000] {
            assert_eq!(number(&text(ms)), Some(ms.div_euclid(LENGTH)));
        }
        for wrong in
            ["", "soon", "2030-02-30", "2030-13-01", "2030-00-10", "30-06-30", "2030-6-30", "2030-06-3x"]
        {
            assert_eq!(number(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_day_lasts_until_it_is_over_everywhere() {
        let day = number("2030-06-30").unwrap();
        assert_eq!(text(over(day) - LENGTH / 2), "2030-07-01");
        assert_eq!(over(day) - day * LENGTH, 36 * 3600 * 1000);
    }
}
