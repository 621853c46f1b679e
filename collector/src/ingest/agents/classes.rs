//! Browser, operating system and kind of device, by what their user agents are known to contain.
//!
//! A table of marks rather than uap-core's thousand expressions: those cost 27 MiB of memory and 90 ms at every start,
//! and what reports and segments go by is the family. The first mark that is found wins, so the special ones stand above
//! what they pretend to be: every browser says Mozilla, nearly every one Safari.

use super::Agent;

const BROWSERS: &[(&str, &str)] = &[
    ("MicroMessenger/", "WeChat"),
    ("AlipayClient/", "Alipay"),
    ("DingTalk/", "DingTalk"),
    ("Weibo", "Weibo"),
    ("baiduboxapp/", "Baidu"),
    ("BIDUBrowser", "Baidu"),
    ("baidubrowser", "Baidu"),
    ("MQQBrowser/", "QQ Browser"),
    ("QQBrowser/", "QQ Browser"),
    (" QQ/", "QQ"),
    ("UCBrowser/", "UC Browser"),
    ("UBrowser/", "UC Browser"),
    ("MiuiBrowser/", "Mi Browser"),
    ("HuaweiBrowser/", "Huawei Browser"),
    ("HeyTapBrowser/", "HeyTap Browser"),
    ("VivoBrowser/", "Vivo Browser"),
    ("aweme", "Douyin"),
    ("musical_ly", "TikTok"),
    ("TikTok", "TikTok"),
    ("BytedanceWebview", "TikTok"),
    ("FBAN/", "Facebook"),
    ("FBAV/", "Facebook"),
    ("FB_IAB/", "Facebook"),
    ("Instagram ", "Instagram"),
    ("LinkedInApp", "LinkedIn"),
    ("Pinterest/", "Pinterest"),
    ("Snapchat/", "Snapchat"),
    (" Line/", "LINE"),
    ("KAKAOTALK", "KakaoTalk"),
    ("GSA/", "Google app"),
    ("Edg/", "Edge"),
    ("EdgA/", "Edge"),
    ("EdgiOS/", "Edge"),
    ("Edge/", "Edge"),
    ("OPR/", "Opera"),
    ("OPT/", "Opera"),
    ("OPiOS/", "Opera"),
    ("Opera", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("YaBrowser/", "Yandex"),
    ("Vivaldi/", "Vivaldi"),
    ("Whale/", "Whale"),
    ("DuckDuckGo/", "DuckDuckGo"),
    ("Ddg/", "DuckDuckGo"),
    ("Silk/", "Silk"),
    ("FxiOS/", "Firefox"),
    ("Focus/", "Firefox"),
    ("Firefox/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Trident/", "Internet Explorer"),
    ("MSIE ", "Internet Explorer"),
    ("ArkWeb/", "ArkWeb"),
    ("; wv)", "Android WebView"),
    ("Chromium/", "Chromium"),
    ("Chrome/", "Chrome"),
];

const SYSTEMS: &[(&str, &str)] = &[
    ("Windows Phone", "Windows Phone"),
    ("Windows", "Windows"),
    ("OpenHarmony", "HarmonyOS"),
    ("HarmonyOS", "HarmonyOS"),
    ("KAIOS", "KaiOS"),
    ("Tizen", "Tizen"),
    ("Web0S", "webOS"),
    ("webOS", "webOS"),
    ("AppleTV", "tvOS"),
    ("Android", "Android"),
    ("iPhone", "iOS"),
    ("iPad", "iOS"),
    ("iPod", "iOS"),
    ("CrOS", "ChromeOS"),
    ("PlayStation", "PlayStation"),
    ("Macintosh", "macOS"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
    ("X11", "Linux"),
];

const TVS: &[&str] = &[
    "SmartTV",
    "SMART-TV",
    "Smart-TV",
    "Smart TV",
    "AppleTV",
    "Apple TV",
    "GoogleTV",
    "Google TV",
    "Android TV",
    "BRAVIA",
    "HbbTV",
    "Web0S",
    "CrKey",
    "NetCast",
    "Roku",
    "; AFT",
];

/// What a user agent is, bots aside; what is not known is not guessed.
pub(super) fn of(user_agent: &str) -> Agent {
    let has = |mark: &str| user_agent.contains(mark);
    let find = |marks: &[(&str, &'static str)]| marks.iter().find(|(mark, _)| has(mark)).map(|(_, name)| *name);
    let os = find(SYSTEMS);
    let browser = find(BROWSERS).or_else(|| match os {
        // Apple's own says its version; the web view of an app does not.
        Some("iOS") if has("AppleWebKit/") && !has("Safari/") => Some("iOS WebView"),
        Some("Android") if has("Version/") && has("Safari/") => Some("Android Browser"),
        _ if has("Version/") && has("Safari/") => Some("Safari"),
        _ => None,
    });
    let device = if TVS.iter().any(|mark| has(mark)) || os == Some("tvOS") {
        Some("tv")
    } else if has("PlayStation") || has("Xbox") || has("Nintendo") {
        Some("console")
    } else if has("iPad") || has("Tablet") || has("Kindle") {
        Some("tablet")
    } else if has("iPhone") || has("iPod") || has("Mobile") || has("Phone") || has("Opera Mini") {
        Some("mobile")
    } else {
        match os {
            // A telephone says `Mobile`.
            Some("Android") => Some("tablet"),
            Some("Windows" | "macOS" | "Linux" | "ChromeOS" | "HarmonyOS") => Some("desktop"),
            Some("KaiOS") => Some("mobile"),
            Some("Tizen" | "webOS") => Some("tv"),
            _ => None,
        }
    };
    Agent { bot: false, device, os, browser }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Kind, system, browser and what such a client sends.
    const CLIENTS: &[(&str, &str)] = &[
        (
            "desktop Windows Chrome",
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
        ),
        (
            "desktop Windows Edge",
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0",
        ),
        (
            "desktop Windows Opera",
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Safari/537.36 OPR/122.0.0.0",
        ),
        ("desktop Windows Firefox", "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"),
        ("desktop Windows Internet Explorer", "Mozilla/5.0 (Windows NT 10.0; WOW64; Trident/7.0; rv:11.0) like Gecko"),
        (
            "desktop macOS Safari",
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15",
        ),
        ("desktop Linux Firefox", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
        (
            "desktop ChromeOS Chrome",
            "Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/139.0.0.0 Safari/537.36",
        ),
        (
            "mobile iOS Safari",
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1",
        ),
        (
            "mobile iOS Chrome",
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/139.0.7258.76 Mobile/15E148 Safari/604.1",
        ),
        (
            "mobile iOS Firefox",
            "Mozilla/5.0 (iPhone; CPU iPhone OS 15_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) FxiOS/140.0 Mobile/15E148 Safari/605.1.15",
        ),
        (
            "mobile iOS iOS WebView",
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
        ),
        (
            "mobile iOS Instagram",
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/22F76 Instagram 389.0.0.19.83 (iPhone14,7; iOS 18_5; de_DE)",
        ),
        (
            "mobile iOS WeChat",
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 MicroMessenger/8.0.60(0x18003c2b) NetType/WIFI Language/zh_CN",
        ),
        (
            "tablet iOS Safari",
            "Mozilla/5.0 (iPad; CPU OS 17_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.6 Mobile/15E148 Safari/604.1",
        ),
        (
            "mobile Android Chrome",
            "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/139.0.0.0 Mobile Safari/537.36",
        ),
        (
            "tablet Android Chrome",
            "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/139.0.0.0 Safari/537.36",
        ),
        ("mobile Android Firefox", "Mozilla/5.0 (Android 15; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0"),
        (
            "mobile Android Samsung Internet",
            "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/28.0 Chrome/130.0.0.0 Mobile Safari/537.36",
        ),
        (
            "mobile Android Android WebView",
            "Mozilla/5.0 (Linux; Android 14; SM-S921B Build/UP1A.231005.007; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/139.0.0.0 Mobile Safari/537.36",
        ),
        (
            "mobile Android Facebook",
            "Mozilla/5.0 (Linux; Android 14; SM-S921B Build/UP1A.231005.007; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/139.0.0.0 Mobile Safari/537.36 [FB_IAB/FB4A;FBAV/524.0.0.0.25;]",
        ),
        (
            "mobile Android WeChat",
            "Mozilla/5.0 (Linux; Android 13; V2145A Build/TP1A.220624.014; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/126.0.6478.188 Mobile Safari/537.36 XWEB/1260183 MMWEBSDK/20240501 MicroMessenger/8.0.50.2701(0x28003256) WeChat/arm64 Weixin NetType/WIFI Language/zh_CN ABI/arm64",
        ),
        (
            "mobile Android QQ Browser",
            "Mozilla/5.0 (Linux; U; Android 13; zh-cn; 22081212C Build/TKQ1.220829.002) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/109.0.5414.86 MQQBrowser/15.4 Mobile Safari/537.36",
        ),
        (
            "mobile Android UC Browser",
            "Mozilla/5.0 (Linux; U; Android 12; zh-CN; M2012K11AC Build/SKQ1.211006.001) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/100.0.4896.58 UCBrowser/16.3.0.1302 Mobile Safari/537.36",
        ),
        (
            "mobile HarmonyOS ArkWeb",
            "Mozilla/5.0 (Phone; OpenHarmony 5.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/114.0.0.0 Safari/537.36 ArkWeb/4.1.6.1 Mobile",
        ),
        (
            "tv webOS Chrome",
            "Mozilla/5.0 (Web0S; Linux/SmartTV) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/108.0.5359.211 Safari/537.36 WebAppManager",
        ),
        (
            "tv Android Chrome",
            "Mozilla/5.0 (Linux; Android 12; BRAVIA 4K VH2) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36",
        ),
        (
            "console PlayStation -",
            "Mozilla/5.0 (PlayStation; PlayStation 5/9.60) AppleWebKit/605.1.15 (KHTML, like Gecko)",
        ),
        ("- - -", "MyShop/3.1"),
        ("- - -", ""),
    ];

    #[test]
    fn clients_are_told_apart_and_none_is_a_bot() {
        let agents = super::super::Agents::new().unwrap();
        for (expected, user_agent) in CLIENTS {
            let Agent { device, os, browser, .. } = of(user_agent);
            let said = [device, os, browser].map(|part| part.unwrap_or("-")).join(" ");
            assert_eq!(said, *expected, "{user_agent}");
            assert!(!agents.look(user_agent).bot, "{user_agent}");
        }
    }
}
