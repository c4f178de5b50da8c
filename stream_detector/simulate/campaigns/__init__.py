"""Campaigns: accounts that ask in order to copy the model, after the code of published clients and disclosures.

`campaign` has the settings; `accounts` makes clients of them. A family is a function from (campaign, member) to what that
account does; `families.FAMILIES` lists them. Pacing, retries and parameters are those that the authors' drivers use (read
in the repositories named there); volumes are settings. Wording is drawn from grammars by the campaign's seed, so that no
list of known headers finds a campaign.
"""

from stream_detector.simulate.campaigns.accounts import campaign_clients
from stream_detector.simulate.campaigns.campaign import (
    CARRIED,
    PUBLISHED,
    Age,
    Campaign,
    Cover,
    Family,
    Harness,
    Language,
    Network,
    Probe,
    Template,
)
from stream_detector.simulate.campaigns.families import FAMILIES
from stream_detector.simulate.campaigns.material import Material

__all__ = [
    "CARRIED",
    "FAMILIES",
    "PUBLISHED",
    "Age",
    "Campaign",
    "Cover",
    "Family",
    "Harness",
    "Language",
    "Material",
    "Network",
    "Probe",
    "Template",
    "campaign_clients",
]
