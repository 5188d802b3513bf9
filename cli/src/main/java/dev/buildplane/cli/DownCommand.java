package dev.buildplane.cli;

import java.time.Duration;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.stream.Stream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/// `buildplane down`.
@Command(
    name = "down",
    description = {
      "Stops what 'up' started on the data directory, and only that.",
      "",
      "State stays: 'up' continues where it was. Nothing running is not an error."
    })
final class DownCommand implements Callable<Integer> {
  private static final Duration PATIENCE = Supervisor.STOP_WITHIN.plusSeconds(10);

  @Spec
  CommandSpec spec = CommandSpec.create();

  @Mixin
  DataDirectoryOption dataDirectory = new DataDirectoryOption();

  @Mixin
  HelpOption help = new HelpOption();

  @Override
  public Integer call() throws InterruptedException {
    var out = spec.commandLine().getOut();
    var data = dataDirectory.resolve();
    var known = Installation.read(data);
    if (known.isEmpty()) {
      out.println("Nothing is up on " + data.root() + ".");
      return ExitCode.OK.code();
    }
    var installation = known.get();
    installation.supervisor().handle().ifPresent(ProcessHandle::destroy);
    var all = Stream.concat(
            Stream.of(installation.supervisor()), installation.members().values().stream())
        .flatMap(process -> process.handle().stream())
        .toList();
    for (var process : all) {
      await(process);
    }
    out.println("Stopped " + data.root() + ".");
    return ExitCode.OK.code();
  }

  private void await(ProcessHandle process) throws InterruptedException {
    try {
      process.onExit().get(PATIENCE.toMillis(), TimeUnit.MILLISECONDS);
    } catch (TimeoutException stuck) {
      spec.commandLine()
          .getErr()
          .println("buildplane: process " + process.pid() + " did not stop within "
              + PATIENCE.toSeconds() + " s; killing it");
      process.destroyForcibly();
    } catch (ExecutionException impossible) {
      throw new IllegalStateException(impossible);
    }
  }
}
