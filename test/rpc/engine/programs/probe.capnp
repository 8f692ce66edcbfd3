# What the tests of the engine call. The TypeScript side needs no generated code: see probe.ts.
@0xb7a6d2f5c0e1934a;

interface Probe {
  echo @0 (number :UInt64, bytes :Data) -> (number :UInt64, bytes :Data);
  slowChild @1 (milliseconds :UInt64) -> (child :Probe);
  hold @2 (targets :List(Listener)) -> ();        # kept; called back by `fire`
  fire @3 (number :UInt64) -> (number :UInt64);   # answered at once, the listeners are called after that
  fail @4 (number :UInt64, text :Text) -> ();
  write @5 (number :UInt64, chunk :Data) -> stream;
  written @6 () -> (number :UInt64, inOrder :Bool);
  never @7 () -> ();                              # until it is cancelled
  drop @8 () -> ();                               # lets go of what `hold` kept
  counts @9 () -> (unanswered :UInt64, exported :UInt64, imported :UInt64, cancelled :UInt64);
  same @10 (child :Probe) -> (number :UInt64);    # 1 when it is this very object
}

interface Listener {
  event @0 (number :UInt64) -> ();
}
