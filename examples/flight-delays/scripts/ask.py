"""Ask a served model the question in a file and say both in words: ask.py PREDICT_URL REQUEST_FILE."""

import json
import sys
from pathlib import Path
from urllib.request import Request, urlopen

url, request = sys.argv[1], Path(sys.argv[2]).read_bytes()
with urlopen(Request(url, request, {"Content-Type": "application/json"}), timeout=30) as response:
    # Two numbers a flight: the chances that it lands on time and late.
    late = json.load(response)["outputs"][0]["data"][1::2]

asked = {column["name"]: column["data"] for column in json.loads(request)["inputs"]}
print(f"POST {url}")
for carrier, origin, delay, visib, chance in zip(
    asked["carrier"], asked["origin"], asked["dep_delay"], asked["visib"], late, strict=True
):
    left = f"{abs(delay)} min {'late' if delay > 0 else 'early'}"
    print(f"  {carrier} from {origin}, left {left}, visibility {visib} miles: lands late with {chance:.0%}")
