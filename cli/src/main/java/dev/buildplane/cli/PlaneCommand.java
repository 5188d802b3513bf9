package dev.buildplane.cli;

import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/// `buildplane plane`.
@Command(
    name = "plane",
    description =
        "Registers, shows and mends planes: the clusters builds run on, and their siblings.",
    subcommands = {
      PlaneListCommand.class,
      PlaneGetCommand.class,
      PlaneDescribeCommand.class,
      PlaneDoctorCommand.class,
      PlaneKubeconfigCommand.class,
      PlaneReconnectCommand.class,
      PlaneRegisterCommand.class
    },
    synopsisSubcommandLabel = "COMMAND")
final class PlaneCommand {
  @Mixin
  HelpOption help = new HelpOption();
}
