package dev.buildplane.agent;

import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.buildplane.fuzz.Corpus;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

/// The agent's files: they are the operator's own, and still nothing in them ends in anything but a word about what is wrong.
class ConfigurationJazzerFuzz {
  private interface Reader {
    void read(Path file) throws AgentProblem;
  }

  private static void readable(byte[] input, Reader reader) {
    try {
      var file = Files.createTempFile("fuzz", ".yaml");
      try {
        Files.write(file, input);
        reader.read(file);
      } catch (AgentProblem expected) {
        assertThat(expected.getMessage()).isNotBlank();
      } finally {
        Files.delete(file);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @FuzzTest(maxDuration = "2m")
  void targets(byte[] input) {
    readable(
        input,
        file -> assertThat(TargetsFile.read(file).targets())
            .hasSizeLessThanOrEqualTo(TargetsFile.MAX_TARGETS)
            .allSatisfy(target -> assertThat(target.name()).matches("[a-z0-9-]{1,63}")));
  }

  @FuzzTest(maxDuration = "2m")
  void kubeconfig(byte[] input) {
    readable(input, file -> assertThat(Kubeconfig.read(file).target().host()).isNotEmpty());
  }

  @Test
  void targetsThatAreNearlyThose() {
    Corpus.nearly(getClass(), "targets", this::targets);
  }

  @Test
  void kubeconfigsThatAreNearlyThose() {
    Corpus.nearly(getClass(), "kubeconfig", this::kubeconfig);
  }
}
