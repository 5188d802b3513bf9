package dev.buildplane.testkit;

import java.io.IOException;

/// A caller's way to one process, whatever carries it: [RemoteCommandSocket] and [SpdyStreams] feed it.
interface PodSession extends AutoCloseable {
  /// Makes sessions once the carrier is ready to take output.
  @FunctionalInterface
  interface Opener {
    PodSession open(PodProcess.Sink sink) throws IOException;
  }

  void input(byte[] bytes, Runnable taken);

  void endInput();

  /// The caller is gone.
  @Override
  void close();

  /// How Kubernetes tells a process's end: the text of the error channel.
  static String status(int exitCode) {
    return exitCode == 0 ? "{\"metadata\":{},\"status\":\"Success\"}" : """
          {"metadata":{},"status":"Failure","reason":"NonZeroExitCode",\
          "message":"command terminated with non-zero exit code",\
          "details":{"causes":[{"reason":"ExitCode","message":"%d"}]}}""".formatted(exitCode);
  }
}
