"""Made payments by card, of which 2% are fraud."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .draws import drawn, effects, frame_of, picked

if TYPE_CHECKING:
    import pandas as pd


def fraud(seed: int = 0, rows: int = 20_000) -> pd.DataFrame:
    """Payments by card, of which 2% are fraud: told by amount, hour, place and habit together, never by one alone."""
    random = np.random.default_rng(seed)
    kinds = (
        "grocery",
        "fuel",
        "restaurant",
        "online retail",
        "electronics",
        "travel",
        "pharmacy",
        "clothing",
        "gaming",
        "cash",
        "jewellery",
    )
    shares = (26, 12, 17, 16, 4, 3, 7, 8, 3, 3, 1)
    kind = picked(random, kinds, shares, rows)
    online = np.isin(kind, ["online retail", "gaming", "travel"]) | (random.random(rows) < 0.06)
    channel = np.where(online, "online", picked(random, ("chip", "contactless", "stripe"), (45, 45, 10), rows))
    base = effects(
        kind,
        grocery=3.4,
        fuel=3.8,
        restaurant=3.3,
        online_retail=3.6,
        electronics=5.0,
        travel=5.3,
        pharmacy=2.9,
        clothing=3.9,
        gaming=2.8,
        cash=4.5,
        jewellery=5.4,
    )
    surprise = random.standard_normal(rows)
    amount = np.exp(base + 0.75 * surprise + 0.2 * random.standard_t(3, rows)).round(2)
    hour = np.where(
        random.random(rows) < 0.93,
        np.clip((14.5 + 4.2 * random.standard_normal(rows)).round(), 6, 23),
        random.integers(0, 6, rows),
    ).astype(int)
    country = picked(
        random,
        ("DE", "FR", "NL", "IT", "ES", "PL", "GB", "US", "CN", "BR", "NG", "TR"),
        (640, 70, 60, 45, 45, 35, 40, 30, 12, 8, 5, 10),
        rows,
    )
    distance = np.where(online, np.nan, (random.lognormal(1.8, 1.5, rows) * np.where(country == "DE", 1, 60)).round(1))
    recent = random.poisson(random.gamma(1.1, 1.4, rows))
    age = (random.gamma(1.6, 620, rows)).astype(int)
    declined = random.poisson(0.06, rows)
    device = np.where(online, np.where(random.random(rows) < 0.12, "new", "known"), "none")
    holder = np.clip((18 + random.gamma(3.2, 9.0, rows)).round(), 18, 95)
    far = np.nan_to_num(np.log1p(np.nan_to_num(distance))) > 5
    night = hour < 6
    large = surprise > 1.3
    log_odds = 1.0 * night + 1.1 * large + 1.6 * (night & large) + 1.2 * (device == "new") + 1.8 * ((device == "new") & large)
    log_odds += effects(kind, electronics=1.0, gaming=1.2, jewellery=1.3, cash=0.8, travel=0.5, grocery=-0.9, pharmacy=-0.7)
    log_odds += (
        effects(country, us=0.6, cn=1.0, br=1.5, ng=2.2, tr=0.8)
        + 1.3 * far * (channel == "stripe")
        + 1.1 * (channel == "stripe")
    )
    log_odds += (
        0.28 * np.minimum(recent, 8) + 1.2 * np.minimum(declined, 2) + 1.1 * np.exp(-age / 60.0) + 1.4 * ((recent > 4) & online)
    )
    log_odds += 0.012 * np.maximum(holder - 60, 0) + 0.7 * random.standard_normal(rows)
    return frame_of(
        {
            "transaction_id": [f"T{number:08d}" for number in random.choice(10**7, rows, replace=False)],
            "amount": amount,
            "hour": hour,
            "merchant_category": kind,
            "channel": channel,
            "country": country,
            "distance_km": distance,
            "payments_24h": recent,
            "declined_7d": declined,
            "card_age_days": age,
            "device": device,
            "holder_age": np.where(random.random(rows) < 0.03, np.nan, holder),
            "is_fraud": drawn(random, 1.25 * log_odds, 0.02),
        }
    )
