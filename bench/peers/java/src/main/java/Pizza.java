import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.annotation.JsonNaming;

/** The record. */
@JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
public final class Pizza {
    public long number;
    public String orderId;
    public String sauce;
    public String cheese;
    public String meats;
    public String veggies;
    @JsonInclude(JsonInclude.Include.NON_NULL)
    public String note;

    void put(String field, String value) {
        switch (field) {
            case "sauce" -> sauce = value;
            case "cheese" -> cheese = value;
            case "meats" -> meats = value;
            case "veggies" -> veggies = value;
            default -> throw new IllegalArgumentException("no such field: " + field);
        }
    }
}
