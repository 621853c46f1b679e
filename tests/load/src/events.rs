//! Made-up shoppers: the same seed gives the same ones.

use std::fmt::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

/// Events of one visitor before the next one comes.
const VISIT: u64 = 8;
/// Visitors of a connection who may come again: one visit in four is by one of them.
const KNOWN: u64 = 4_096;

/// A small generator of numbers: `SplitMix64` (Steele, Lea, Flood 2014).
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A rank of `n`, the first ones far more often: the logarithm of it is even, as in Zipf's law with exponent 1.
    pub(crate) fn rank(&mut self, n: u64) -> u64 {
        let even = (self.next() >> 11) as f64 / (1u64 << 53) as f64;
        ((n as f64).powf(even) as u64).min(n - 1)
    }
}

/// Now, in ms.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}

/// An event as the SDK sends it, 400 to 600 bytes.
pub(crate) struct Made {
    pub(crate) id: u128,
    pub(crate) visitor: u128,
    pub(crate) at: u64,
    pub(crate) name: &'static str,
    pub(crate) item: u64,
    pub(crate) price: u64,
}

/// One connection's shoppers.
pub(crate) struct Shoppers {
    dice: Dice,
    visitor: u128,
    left: u64,
    known: Vec<u128>,
}

impl Shoppers {
    pub(crate) fn new(seed: u64) -> Self {
        Shoppers { dice: Dice(seed), visitor: 0, left: 0, known: Vec::new() }
    }

    /// The next event, at `at` (ms).
    pub(crate) fn next(&mut self, at: u64) -> Made {
        if self.left == 0 {
            self.left = VISIT;
            let place = (self.dice.next() % KNOWN) as usize;
            self.visitor = match self.known.get(place) {
                Some(known) if self.dice.next().is_multiple_of(4) => *known,
                known => {
                    let full = known.is_some();
                    let new = self.uuid(at);
                    if full {
                        self.known[place] = new;
                    } else {
                        self.known.push(new);
                    }
                    new
                }
            };
        }
        self.left -= 1;
        let name = match self.dice.next() % 20 {
            0..=8 => "page_view",
            9..=16 => "view_item",
            17..=18 => "add_to_cart",
            _ => "purchase",
        };
        let item = self.dice.rank(20_000);
        Made { id: self.uuid(at), visitor: self.visitor, at, name, item, price: 5 + item % 200 }
    }

    fn uuid(&mut self, at: u64) -> u128 {
        let bits = u128::from(self.dice.next()) << 64 | u128::from(self.dice.next());
        u128::from(at) << 80 | 0x7 << 76 | (bits >> 50 & 0xfff) << 64 | 0b10 << 62 | bits & 0x3fff_ffff_ffff_ffff
    }
}

/// The 36 characters of a UUID.
pub(crate) fn uuid_text(id: u128, out: &mut String) {
    let hex = format!("{id:032x}");
    let _ = write!(out, "{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]);
}

impl Made {
    /// Its JSON.
    pub(crate) fn write(&self, out: &mut String) {
        out.push_str("{\"id\":\"");
        uuid_text(self.id, out);
        out.push_str("\",\"visitor\":\"");
        uuid_text(self.visitor, out);
        let (s, ms) = (self.at / 1_000, self.at % 1_000);
        let (hour, minute, second) = (s / 3_600 % 24, s / 60 % 60, s % 60);
        let day = civil(s / 86_400);
        let _ = write!(
            out,
            "\",\"name\":\"{}\",\"at\":\"{day}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z\",\
             \"page\":{{\"url\":\"https://shop.example/p/{}?utm_source=mail\",\"title\":\"Item {} at the shop\",\
             \"referrer\":\"https://shop.example/c/{}\"}}",
            self.name,
            self.item,
            self.item,
            self.item % 12
        );
        if self.name != "page_view" {
            let _ = write!(
                out,
                ",\"items\":[{{\"item_id\":\"sku{}\",\"item_name\":\"Item {}\",\"item_category\":\"c{}\",\"price\":{},\
                 \"quantity\":1}}],\"currency\":\"EUR\",\"value\":{}",
                self.item,
                self.item,
                self.item % 12,
                self.price,
                self.price
            );
        }
        if self.name == "purchase" {
            out.push_str(",\"transaction_id\":\"");
            uuid_text(self.id, out);
            out.push('"');
        }
        out.push_str(",\"props\":{\"color\":\"red\",\"position\":3}}");
    }
}

/// A day since 1970 as YYYY-MM-DD.
fn civil(days: u64) -> String {
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    format!("{:04}-{month:02}-{:02}", year + era * 400 + u64::from(month <= 2), of_year - (153 * shifted + 2) / 5 + 1)
}
