package dev.buildplane.tunnel;

/// Written to a stream, it resets it (RST_STREAM `INTERNAL_ERROR`): what came so far is not the whole, and the peer must not take it
/// for that.
public enum StreamAbort {
  INSTANCE
}
