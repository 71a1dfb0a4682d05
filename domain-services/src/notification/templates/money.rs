//! Amounts as people of a language write them.

/// `1,250.00 EUR`, `1.250,00 EUR`: the currency's code, for it is the same in all languages and never
/// two currencies' sign.
pub(super) fn shown(minor: i64, currency: &str, locale: &str) -> String {
    let decimals = iso_currency::Currency::from_code(currency)
        .and_then(iso_currency::Currency::exponent)
        .map_or(2, usize::from);
    let (group, point) = match locale {
        "de" | "es" => (".", ","),
        "fr" => ("\u{202f}", ","),
        _ => (",", "."),
    };
    let digits = format!("{:0>width$}", minor.unsigned_abs(), width = decimals + 1);
    let (whole, fraction) = digits.split_at(digits.len() - decimals);
    let mut text = String::new();
    if minor < 0 {
        text.push('-');
    }
    for (n, digit) in whole.chars().enumerate() {
        if n > 0 && (whole.len() - n).is_multiple_of(3) {
            text.push_str(group);
        }
        text.push(digit);
    }
    if decimals > 0 {
        text.push_str(point);
        text.push_str(fraction);
    }
    format!("{text} {currency}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_have_their_currencys_decimals_and_their_languages_marks() {
        assert_eq!(shown(125_000, "EUR", "en"), "1,250.00 EUR");
        assert_eq!(shown(125_000, "EUR", "de"), "1.250,00 EUR");
        assert_eq!(
            shown(123_456_789, "EUR", "fr"),
            "1\u{202f}234\u{202f}567,89 EUR"
        );
        assert_eq!(shown(5, "EUR", "es"), "0,05 EUR");
        assert_eq!(shown(1_250, "JPY", "en"), "1,250 JPY");
        assert_eq!(shown(1_250, "BHD", "en"), "1.250 BHD");
        assert_eq!(shown(-99, "USD", "en"), "-0.99 USD");
    }
}
