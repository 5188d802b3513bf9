package dev.buildplane.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.palantir.javaformat.java.Formatter;
import com.palantir.javaformat.java.FormatterException;
import com.palantir.javaformat.java.ImportOrderer;
import com.palantir.javaformat.java.JavaFormatterOptions;
import com.palantir.javaformat.java.JavaFormatterOptions.Style;
import com.palantir.javaformat.java.RemoveUnusedImports;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/// The formatter. It runs here, and not as a plugin, because it needs the compiler of the JDK the code is written for,
/// while Maven may run on an older one.
class FormatTest {
  private static final Path REPOSITORY = Path.of("").toAbsolutePath().getParent();
  private static final Pattern COMMENT_LINE = Pattern.compile("(?m)^(\\s*)(///?.*)$");
  private static final Pattern SHIELD = Pattern.compile("///? ?@(\\d+)@");

  @Test
  void everySourceIsFormatted() throws Exception {
    var formatter = Formatter.createFormatter(
        JavaFormatterOptions.builder().style(Style.GOOGLE).build());
    var rewritten = new ArrayList<Path>();
    try (var files = sources()) {
      for (var file : files.toList()) {
        var before = Files.readString(file);
        var after = format(formatter, file, before);
        if (!after.equals(before)) {
          Files.writeString(file, after);
          rewritten.add(REPOSITORY.relativize(file));
        }
      }
    }

    assertThat(rewritten)
        .as("these were not formatted and have been rewritten; review and commit them")
        .isEmpty();
  }

  private static Stream<Path> sources() throws IOException {
    var target = Path.of("target");
    return Files.walk(REPOSITORY)
        .filter(file -> file.toString().endsWith(".java"))
        .filter(file -> REPOSITORY.relativize(file).toString().contains("src"))
        .filter(file -> Stream.iterate(file, parent -> parent != null, Path::getParent)
            .noneMatch(parent -> target.equals(parent.getFileName())))
        .filter(file -> !REPOSITORY.relativize(file).startsWith("samples"));
  }

  /// Comment lines are put aside meanwhile: the formatter breaks long ones, and drops the slashes of what follows.
  private static String format(Formatter formatter, Path file, String source) {
    List<String> held = new ArrayList<>();
    var shielded = COMMENT_LINE.matcher(source).replaceAll(comment -> {
      held.add(comment.group(2));
      return Matcher.quoteReplacement(comment.group(1) + "///@" + (held.size() - 1) + "@");
    });
    try {
      var imports = ImportOrderer.reorderImports(
          RemoveUnusedImports.removeUnusedImports(shielded), Style.GOOGLE);
      return SHIELD
          .matcher(formatter.formatSource(imports))
          .replaceAll(mark -> Matcher.quoteReplacement(held.get(Integer.parseInt(mark.group(1)))));
    } catch (FormatterException cannot) {
      throw new AssertionError(
          "cannot format %s: %s (a bare _ among a record pattern's components: write var _)"
              .formatted(REPOSITORY.relativize(file), cannot.getMessage()),
          cannot);
    }
  }
}
