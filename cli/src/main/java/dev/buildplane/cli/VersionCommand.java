package dev.buildplane.cli;

import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/// `buildplane version`.
@Command(
    name = "version",
    description = "Prints the version, and those it runs on and is compatible with.")
final class VersionCommand implements Callable<Integer> {
  static final String COMPATIBLE_WITH = "OpenChoreo v0.17 (openchoreo.dev/v1alpha1)";

  @Spec
  CommandSpec spec = CommandSpec.create();

  @Mixin
  HelpOption help = new HelpOption();

  @Option(names = "--java-home", description = "Print only the folder of the JDK in use")
  boolean javaHome;

  @Override
  public Integer call() {
    var out = spec.commandLine().getOut();
    if (javaHome) {
      out.println(System.getProperty("java.home"));
      return ExitCode.OK.code();
    }
    out.println("buildplane " + version());
    out.println("compatible with " + COMPATIBLE_WITH);
    out.println("Java " + Runtime.version() + ", " + System.getProperty("os.name") + " "
        + System.getProperty("os.arch"));
    return ExitCode.OK.code();
  }

  static String version() {
    return Optional.ofNullable(VersionCommand.class.getPackage().getImplementationVersion())
        .orElse("development");
  }
}
