package dev.buildplane.cli;

import java.io.PrintStream;
import java.io.PrintWriter;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/// The `buildplane` command.
@Command(
    name = "buildplane",
    description = "Runs builds on clusters you cannot open a port into.",
    mixinStandardHelpOptions = false,
    subcommands = {
      DemoCommand.class,
      UpCommand.class,
      DownCommand.class,
      StatusCommand.class,
      PlaneCommand.class,
      RunCommand.class,
      ServeCommand.class,
      VersionCommand.class,
      TrainCommand.class,
      CommandLine.HelpCommand.class
    },
    footerHeading = "%nStart here:%n",
    footer = {
      "  buildplane demo                 run a real build, from nothing, and watch it",
      "  buildplane up --detach          start a control plane and a build plane on this machine",
      "  buildplane plane list           see the build planes and whether a build can run on them",
      "  buildplane run start WORKFLOW   start a build; add --follow to watch it",
      "  buildplane down                 stop what 'up' started",
      "",
      "Exit codes: 0 done, 1 failed, 2 usage, 4 not found, 5 control plane unreachable."
    })
public final class Main {
  @Mixin
  HelpOption help = new HelpOption();

  private Main() {}

  public static void main(String[] arguments) {
    System.exit(run(arguments, writer(System.out), writer(System.err)));
  }

  private static PrintWriter writer(PrintStream stream) {
    return new PrintWriter(stream, true, stream.charset());
  }

  /// The command with all its subcommands.
  static CommandLine commandLine() {
    return new CommandLine(new Main());
  }

  /// Runs one command and returns its exit code.
  static int run(String[] arguments, PrintWriter out, PrintWriter err) {
    var commandLine = commandLine()
        .setOut(out)
        .setErr(err)
        .setCaseInsensitiveEnumValuesAllowed(true)
        .setUsageHelpAutoWidth(true)
        .setExecutionExceptionHandler((problem, failed, parsed) -> {
          var told = Problems.explain(problem);
          failed.getErr().println("buildplane: " + told.getMessage());
          return told.exitCode().code();
        });
    commandLine.setParameterExceptionHandler((problem, parsed) -> {
      var failed = problem.getCommandLine();
      failed.getErr().println("buildplane: " + problem.getMessage());
      failed.getErr().println("Try '" + failed.getCommandSpec().qualifiedName() + " --help'.");
      return ExitCode.USAGE.code();
    });
    if (arguments.length == 0) {
      commandLine.usage(out);
      return ExitCode.OK.code();
    }
    return commandLine.execute(arguments);
  }
}
