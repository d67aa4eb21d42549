"""The invented land register, all of it made from the seed: who has the seed knows every answer."""

import bisect
import datetime
import random
import re
import zlib

COMMUNES = 12
PARCELS_OF_A_COMMUNE = 200
HOLDERS = 400
LAND_USES = ("ODT", "ONT", "CLN", "LUC", "NTS", "TMD")
RESTRICTIONS = {"MORTGAGE": "Đang thế chấp", "DISPUTE": "Đang có tranh chấp",
                "PLANNING": "Trong vùng quy hoạch"}
EVENTS = ("MEASURED", "TRANSFERRED", "MORTGAGED", "RELEASED")
NUMBER = re.compile(r"[0-9]{5}-[0-9]{3}-[0-9]{4}")
BLOCK_BYTES = 64 * 1024
DEFAULT_PAGE, MAX_PAGE = 50, 200
FIRST_DAY = datetime.datetime(2015, 1, 1, tzinfo=datetime.timezone.utc)


class Unknown(Exception):
    """There is no such parcel or commune; the argument is the reason, as in UPPER_CASE."""


class Malformed(Exception):
    """The argument names the field and the reason."""


class Land:
    def __init__(self, seed):
        self.seed = seed
        chance = random.Random(f"{seed}/land")
        # Communes of the province have other numbers: nobody takes these for real ones.
        self.communes = [f"{99001 + index}" for index in range(COMMUNES)]
        self.parcels = {}
        for commune in self.communes:
            places = chance.sample(range(1, 100 * 1000), PARCELS_OF_A_COMMUNE)
            for place in sorted(places):
                number = f"{commune}-{1 + place // 1000:03}-{place % 1000:04}"
                self.parcels[number] = make_parcel(number, commune, chance)
        self.numbers = sorted(self.parcels)
        self.of_commune = {commune: [number for number in self.numbers if number.startswith(commune)]
                           for commune in self.communes}

    def parcel(self, number):
        if not NUMBER.fullmatch(number):
            raise Malformed("number", "NUMBER_MALFORMED")
        if number not in self.parcels:
            raise Unknown("PARCEL_UNKNOWN")
        return self.parcels[number]

    def page(self, commune, holder, size, token):
        """Parcels, the token of the next page or "", and how many there are in all."""
        if commune and commune not in self.of_commune:
            raise Unknown("COMMUNE_UNKNOWN")
        if token and not NUMBER.fullmatch(token):
            raise Malformed("page_token", "PAGE_TOKEN_MALFORMED")
        if size < 0:
            raise Malformed("page_size", "PAGE_SIZE_NEGATIVE")
        size = min(size or DEFAULT_PAGE, MAX_PAGE)
        numbers = self.of_commune[commune] if commune else self.numbers
        if holder:
            numbers = [number for number in numbers if self.parcels[number]["holder"]["id"] == holder]
        first = bisect.bisect_right(numbers, token)  # the token is the last number of the page before
        found = numbers[first:first + size]
        more = first + size < len(numbers)
        return [self.parcels[number] for number in found], found[-1] if more else "", len(numbers)

    def event(self, commune, sequence):
        """Number and kind of an event."""
        if commune not in self.of_commune:
            raise Unknown("COMMUNE_UNKNOWN")
        chance = zlib.crc32(f"{self.seed}/{commune}/{sequence}".encode())
        numbers = self.of_commune[commune]
        return numbers[chance % len(numbers)], EVENTS[(chance >> 16) % len(EVENTS)]

    def block(self, label, index, size=BLOCK_BYTES):
        """A piece of a body that cannot be pressed together."""
        return random.Random(f"{self.seed}/{label}/{index}").randbytes(size)

    def blocks(self, label, total, size=BLOCK_BYTES):
        """A body of `total` bytes, in pieces."""
        for index in range((total + size - 1) // size):
            yield self.block(label, index, min(size, total - index * size))


def make_parcel(number, commune, chance):
    holder = 1 + chance.randrange(HOLDERS)
    return {
        "number": number,
        "commune": commune,
        "area_square_decimetres": chance.randrange(2_000, 5_000_000),
        "land_use": chance.choice(LAND_USES),
        "certificate": f"SIM {chance.randrange(10**6):06}",
        "holder": {"id": f"SIM-{holder:06}", "name": f"Chủ sử dụng đất mô phỏng {holder}",
                   "kind": "ORGANISATION" if holder % 7 == 0 else "PERSON"},
        "restrictions": [{"code": code, "text": RESTRICTIONS[code]} for code in
                         sorted(chance.sample(sorted(RESTRICTIONS), chance.choice((0, 0, 1, 2))))],
        "measured_at": (FIRST_DAY + datetime.timedelta(minutes=chance.randrange(10 * 525_600)))
                       .strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
