package dev.buildplane.fuzz;

import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import java.util.function.Consumer;

/// The committed inputs of a fuzz test, and inputs made of them: what every build tries, where nobody has hours.
public final class Corpus {
  private static final long SEED = Long.getLong("seed", 20_261_126L);

  /// Made inputs for each fuzz test.
  private static final int ROUNDS = 2_000;

  private static final int MAX_CHANGES = 6;

  private Corpus() {}

  /// Hands inputs that are nearly those of `folder` to a fuzz test; the seed is printed.
  ///
  /// @param test the class that has the fuzz test
  /// @param method its name
  public static void nearly(Class<?> test, String method, Consumer<byte[]> fuzzed) {
    System.out.println(test.getSimpleName() + "#" + method + " seed " + SEED);
    var inputs = inputs(test, method);
    var random = new Random(SEED ^ method.hashCode());
    for (int round = 0; round < ROUNDS; round++) {
      var input = changed(inputs, random);
      try {
        fuzzed.accept(input);
      } catch (RuntimeException | Error e) {
        throw new AssertionError(
            method + " failed in round " + round + " on "
                + java.util.HexFormat.of().formatHex(input),
            e);
      }
    }
  }

  private static List<byte[]> inputs(Class<?> test, String method) {
    var name = test.getSimpleName() + "Inputs/" + method;
    try {
      var folder = Path.of(Objects.requireNonNull(test.getResource(name), name).toURI());
      var all = new ArrayList<byte[]>();
      try (var files = Files.list(folder)) {
        for (var file : files.sorted().toList()) {
          all.add(Files.readAllBytes(file));
        }
      }
      return all;
    } catch (IOException | URISyntaxException e) {
      throw new AssertionError("expected the inputs of " + name, e);
    }
  }

  private static byte[] changed(List<byte[]> inputs, Random random) {
    var input = inputs.get(random.nextInt(inputs.size()));
    for (int change = random.nextInt(MAX_CHANGES); change >= 0; change--) {
      int at = input.length == 0 ? 0 : random.nextInt(input.length);
      input = switch (random.nextInt(4)) {
        case 0 ->
          spliced(
              input, at, Math.min(input.length, at + 1), new byte[] {(byte) random.nextInt(256)});
        case 1 -> spliced(input, at, Math.min(input.length, at + random.nextInt(8)), new byte[0]);
        case 2 -> spliced(input, at, at, part(inputs.get(random.nextInt(inputs.size())), random));
        default -> Arrays.copyOf(input, at);
      };
    }
    return input;
  }

  private static byte[] part(byte[] of, Random random) {
    int from = of.length == 0 ? 0 : random.nextInt(of.length);
    return Arrays.copyOfRange(of, from, Math.min(of.length, from + random.nextInt(32)));
  }

  private static byte[] spliced(byte[] input, int from, int to, byte[] instead) {
    var out = new byte[input.length - (to - from) + instead.length];
    System.arraycopy(input, 0, out, 0, from);
    System.arraycopy(instead, 0, out, from, instead.length);
    System.arraycopy(input, to, out, from + instead.length, input.length - to);
    return out;
  }
}
