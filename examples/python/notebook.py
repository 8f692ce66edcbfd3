# %% [markdown]
# # Arrays and tables in a Pangea node
#
# Runs as a script, or cell by cell in an editor that knows `# %%`; `notebook.ipynb` is made from it.
# The blocking client works inside of a notebook as it does elsewhere, because its loop has a thread of its own.

# %%
import sys

try:
    import numpy as np
    import pandas as pd
except ImportError as error:
    print(f"left out: {error}")
    sys.exit(75)

import argparse

from pangea_client import Client

parser = argparse.ArgumentParser()
parser.add_argument("--host", default="127.0.0.1")
parser.add_argument("--port", type=int, default=8080)
parser.add_argument("--data-dir")
options, _ = parser.parse_known_args()

client = Client.connect(options.host, options.port, data_dir=options.data_dir)
client.about

# %% [markdown]
# ## An array, and a slice of it by range
#
# Anything with a buffer can be put as it is. Eight bytes a number, so rows 500,000 to 500,010 are bytes 4,000,000 to 4,000,080:
# only those are fetched.

# %%
samples = np.cumsum(np.random.default_rng(7).normal(size=1_000_000))
stored = client.put(samples, "samples.f64", media_type="application/octet-stream")
stored

# %%
part = np.frombuffer(client.get(stored.link, offset=8 * 500_000, length=8 * 10), dtype=samples.dtype)
assert np.array_equal(part, samples[500_000:500_010])
part

# %% [markdown]
# ## The same array as a file that is read where it is touched

# %%
with client.open(stored.link) as file:
    file.seek(8 * 999_990)
    tail = np.frombuffer(file.read(), dtype=samples.dtype)
assert np.array_equal(tail, samples[-10:])

# %% [markdown]
# ## A table
#
# `create` gives a file to write to; leaving the `with` makes it an object, an exception in it leaves nothing behind.

# %%
frame = pd.DataFrame({"t": pd.date_range("2026-01-01", periods=5_000, freq="min"), "value": samples[:5_000]})
with client.create("readings.csv", media_type="text/csv") as writer:
    frame.to_csv(writer, index=False, mode="wb")

with client.open(writer.result.link) as reader:
    again = pd.read_csv(reader, parse_dates=["t"])
assert np.allclose(again["value"], frame["value"]) and (again["t"] == frame["t"]).all()
again.describe()

# %%
for each in (stored.root, writer.result.root):
    client.remove(each)
client.close()
print("arrays and tables came back")
