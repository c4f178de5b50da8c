"""Where the sun stands: usual offsets from UTC, in hours, by time zone and by country.

A small table instead of the time zone database, because the core does no I/O. Summer time is left out: whoever asks wants to
know morning from night. A place that is not listed is unknown.
"""

from msgspec import Struct


class Longitudes(Struct, frozen=True, array_like=True, gc=False):
    """Offsets of a place, the most western and the most eastern one."""

    west_h: float
    east_h: float

    def distance_h(self, offset_h: float) -> float:
        """Hours between an offset and the nearest one of the place, 0 to 12: offsets lie on a circle of 24 hours."""
        if self.west_h <= offset_h <= self.east_h:
            return 0.0
        return min(_around(offset_h - self.west_h), _around(offset_h - self.east_h))


def _around(hours: float) -> float:
    hours %= 24.0
    return min(hours, 24.0 - hours)


_COUNTRIES = """
US -10 -5|CA -8 -3.5|MX -8 -6|GT -6 -6|CR -6 -6|PA -5 -5|CO -5 -5|PE -5 -5|EC -5 -5|VE -4 -4|CL -4 -4|BO -4 -4|BR -5 -3|
AR -3 -3|UY -3 -3|DO -4 -4|PR -4 -4|JM -5 -5|CU -5 -5|IS 0 0|IE 0 0|GB 0 0|PT -1 0|MA 0 1|ES 0 1|FR 1 1|BE 1 1|NL 1 1|
LU 1 1|DE 1 1|CH 1 1|AT 1 1|IT 1 1|DK 1 1|NO 1 1|SE 1 1|PL 1 1|CZ 1 1|SK 1 1|HU 1 1|SI 1 1|HR 1 1|RS 1 1|FI 2 2|EE 2 2|
LV 2 2|LT 2 2|UA 2 2|RO 2 2|BG 2 2|GR 2 2|MD 2 2|CY 2 2|BY 3 3|RU 2 12|TR 3 3|IL 2 2|JO 3 3|LB 2 2|EG 2 2|SA 3 3|IQ 3 3|
QA 3 3|KW 3 3|AE 4 4|OM 4 4|IR 3.5 3.5|GE 4 4|AM 4 4|AZ 4 4|TN 1 1|DZ 1 1|NG 1 1|GH 0 0|SN 0 0|CI 0 0|CM 1 1|ET 3 3|
KE 3 3|TZ 3 3|UG 3 3|RW 2 2|ZA 2 2|ZW 2 2|KZ 5 6|UZ 5 5|KG 6 6|PK 5 5|AF 4.5 4.5|IN 5.5 5.5|LK 5.5 5.5|NP 5.75 5.75|
BD 6 6|MM 6.5 6.5|TH 7 7|VN 7 7|KH 7 7|LA 7 7|ID 7 9|MY 8 8|SG 8 8|PH 8 8|CN 8 8|HK 8 8|MO 8 8|TW 8 8|MN 7 8|JP 9 9|
KR 9 9|AU 8 10|NZ 12 12
"""
_ZONES = """
America/New_York -5|America/Toronto -5|America/Chicago -6|America/Denver -7|America/Phoenix -7|America/Los_Angeles -8|
America/Vancouver -8|America/Anchorage -9|Pacific/Honolulu -10|America/Mexico_City -6|America/Bogota -5|America/Lima -5|
America/Caracas -4|America/Santiago -4|America/Halifax -4|America/Sao_Paulo -3|America/Argentina/Buenos_Aires -3|
America/Montevideo -3|UTC 0|Etc/UTC 0|Europe/London 0|Europe/Dublin 0|Europe/Lisbon 0|Africa/Casablanca 1|Africa/Accra 0|
Europe/Madrid 1|Europe/Paris 1|Europe/Brussels 1|Europe/Amsterdam 1|Europe/Berlin 1|Europe/Zurich 1|Europe/Vienna 1|
Europe/Rome 1|Europe/Copenhagen 1|Europe/Oslo 1|Europe/Stockholm 1|Europe/Warsaw 1|Europe/Prague 1|Europe/Budapest 1|
Europe/Belgrade 1|Africa/Lagos 1|Africa/Algiers 1|Africa/Tunis 1|Europe/Helsinki 2|Europe/Tallinn 2|Europe/Riga 2|
Europe/Vilnius 2|Europe/Kiev 2|Europe/Kyiv 2|Europe/Bucharest 2|Europe/Sofia 2|Europe/Athens 2|Africa/Cairo 2|
Africa/Johannesburg 2|Asia/Jerusalem 2|Europe/Istanbul 3|Europe/Moscow 3|Europe/Minsk 3|Asia/Riyadh 3|Asia/Baghdad 3|
Asia/Qatar 3|Africa/Nairobi 3|Africa/Addis_Ababa 3|Asia/Tehran 3.5|Asia/Dubai 4|Asia/Tbilisi 4|Asia/Yerevan 4|Asia/Baku 4|
Asia/Karachi 5|Asia/Tashkent 5|Asia/Almaty 5|Asia/Yekaterinburg 5|Asia/Kolkata 5.5|Asia/Calcutta 5.5|Asia/Colombo 5.5|
Asia/Kathmandu 5.75|Asia/Dhaka 6|Asia/Novosibirsk 7|Asia/Bangkok 7|Asia/Ho_Chi_Minh 7|Asia/Saigon 7|Asia/Jakarta 7|
Asia/Shanghai 8|Asia/Hong_Kong 8|Asia/Taipei 8|Asia/Singapore 8|Asia/Kuala_Lumpur 8|Asia/Manila 8|Australia/Perth 8|
Asia/Irkutsk 8|Asia/Tokyo 9|Asia/Seoul 9|Asia/Vladivostok 10|Australia/Brisbane 10|Australia/Sydney 10|
Australia/Melbourne 10|Pacific/Auckland 12
"""


def _read(table: str) -> dict[str, Longitudes]:
    places = (entry.split() for entry in table.replace("\n", "").split("|"))
    return {name: Longitudes(float(offsets[0]), float(offsets[-1])) for name, *offsets in places}


_BY_COUNTRY = _read(_COUNTRIES)
_BY_ZONE = _read(_ZONES)


def of_country(code: str) -> Longitudes | None:
    """Offsets of a country (ISO 3166-1 alpha-2).

    >>> of_country("US").distance_h(-3.0)
    2.0
    """
    return _BY_COUNTRY.get(code)


def of_zone(name: str) -> Longitudes | None:
    """Offset of a time zone (IANA name).

    >>> of_zone("Asia/Tokyo").distance_h(-9.0)
    6.0
    """
    return _BY_ZONE.get(name)
