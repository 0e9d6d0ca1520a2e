import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/** What the harness asks for, on the command line. What is wrong with it ends the process with 2. */
final class Job {
    private static final List<String> COMMON = List.of("brokers", "input", "output", "group", "records", "warm-up",
        "delivery", "field", "value", "commit-interval-ms");

    final String brokers;
    final String input;
    final String output;
    final String group;
    /** How many records come, those of the warm-up among them. */
    final long records;
    final long warmUp;
    final boolean exactlyOnce;
    final String field;
    final String value;
    /** None: as the library has it. */
    final Optional<Duration> commitInterval;

    private final Map<String, String> flags;

    /** Takes the flags in {@code own} too, which have a default. */
    Job(String[] args, Map<String, String> own) {
        flags = new TreeMap<>(own);
        for (int i = 0; i < args.length; i += 2) {
            String name = args[i].startsWith("--") ? args[i].substring(2) : "";
            check(COMMON.contains(name) || own.containsKey(name), "unknown flag '" + args[i] + "'");
            check(i + 1 < args.length, args[i] + " needs a value");
            flags.put(name, args[i + 1]);
        }
        brokers = text("brokers");
        input = text("input");
        output = text("output");
        group = text("group");
        records = number("records", 1);
        warmUp = number("warm-up", 0);
        check(warmUp < records, "--warm-up takes all of --records");
        exactlyOnce = oneOf("delivery", "exactly-once", "at-least-once").equals("exactly-once");
        field = oneOf("field", "sauce", "cheese", "meats", "veggies");
        value = flags.getOrDefault("value", "alfredo");
        commitInterval = flags.containsKey("commit-interval-ms")
            ? Optional.of(Duration.ofMillis(number("commit-interval-ms", 1))) : Optional.empty();
    }

    int number(String name, int least) {
        try {
            int number = Integer.parseInt(text(name));
            check(number >= least, "--" + name + " " + number + " is less than " + least);
            return number;
        } catch (NumberFormatException error) {
            check(false, "--" + name + " '" + text(name) + "' is no whole number");
            throw error;
        }
    }

    private String text(String name) {
        check(flags.containsKey(name), "--" + name + " is missing");
        return flags.get(name);
    }

    private String oneOf(String name, String... choices) {
        String chosen = text(name);
        check(List.of(choices).contains(chosen),
            "--" + name + " '" + chosen + "' is none of " + String.join(", ", choices));
        return chosen;
    }

    private static void check(boolean holds, String otherwise) {
        if (!holds) {
            System.err.println(otherwise);
            System.exit(2);
        }
    }
}
